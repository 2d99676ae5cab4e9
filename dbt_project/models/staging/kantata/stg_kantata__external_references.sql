select
    current.source_system,
    current.source_id as external_reference_id,
    current.record ->> 'subject_type' as subject_type,
    current.record ->> 'subject_id' as subject_id,
    current.record ->> 'service_name' as service_name,
    current.record ->> 'service_model' as service_model,
    current.record ->> 'service_model_ref' as service_model_ref,
    current.record ->> 'status' as status,
    current.record ->> 'external_status' as external_status,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('kantata', 'external_references') }} as current
