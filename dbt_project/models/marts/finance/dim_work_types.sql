select
    work_type.source_system,
    work_type.work_type_key,
    work_type.is_leave,
    work_type.erp_item_code
from {{ ref('work_type') }} as work_type
