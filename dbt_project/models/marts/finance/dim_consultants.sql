select
    consultant.consultant_key,
    consultant.source_system,
    consultant.source_id,
    consultant.employee_number,
    consultant.consultant_type,
    consultant.cost_center,
    consultant.legal_entity,
    consultant.region,
    consultant.hire_date,
    consultant.termination_date,
    consultant.is_active
from {{ ref('consultant') }} as consultant
where not consultant.is_deleted
