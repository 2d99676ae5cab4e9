select
    current.source_system,
    current.source_id as worker_id,
    current.record ->> 'Employee_ID' as employee_number,
    rule.number_key(current.record ->> 'Employee_ID') as employee_number_key,
    current.record ->> 'Legal_Name' as full_name_token,
    current.record ->> 'Work_Email' as email_token,
    current.record ->> 'Worker_Type' as worker_type,
    current.record ->> 'Company' as hr_company_code,
    current.record ->> 'Cost_Center' as cost_center,
    current.record ->> 'Active_Status' = '1' as is_active,
    (current.record ->> 'Hire_Date')::date as hire_date,
    (current.record ->> 'Termination_Date')::date as termination_date,
    current.is_deleted,
    current.source_version_number as version,
    current.landed_at
from {{ current_record('workday', 'workers') }} as current
