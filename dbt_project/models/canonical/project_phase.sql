select
    story.source_system || '-' || story.story_id as project_phase_key,
    story.source_system,
    story.story_id as source_id,
    story.version as source_version_number,
    story.source_system || '-' || story.workspace_id as project_key,
    story.title,
    story.is_billable,
    project.region,
    story.is_deleted,
    story.landed_at
from {{ ref('stg_kantata__stories') }} as story
left join {{ ref('project') }} as project
    on story.source_system = project.source_system and story.workspace_id = project.source_id
