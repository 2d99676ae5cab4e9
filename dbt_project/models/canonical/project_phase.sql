select
    story.source_system || '-' || story.story_id as project_phase_key,
    story.source_system,
    story.story_id as source_id,
    story.version as source_version_number,
    story.source_system || '-' || story.workspace_id as project_key,
    story.title,
    story.is_billable,
    null::text as region,
    story.is_deleted,
    story.landed_at
from {{ ref('stg_kantata__stories') }} as story
