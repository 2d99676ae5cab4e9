select
    mapped.work_type as work_type_key,
    mapped.source_system,
    mapped.work_type as source_id,
    bool_or(mapped.is_leave) as is_leave,
    max(nullif(mapped.erp_item_code, '')) as erp_item_code,
    null::text as region
from {{ source('rule', 'work_type_map') }} as mapped
group by mapped.source_system, mapped.work_type
