{#- Material fields of a payroll row: one regular entry of all minutes. -#}
{% macro payroll_fields(day, minutes) -%}
    jsonb_build_object(
        'employee_ref', {{ day }}.employee_ref,
        'job_ref', {{ day }}.job_ref,
        'work_date', {{ day }}.work_date_text,
        'time_zone', {{ day }}.time_zone,
        'entries', jsonb_build_array(jsonb_build_object('classification', 'Regular', 'minutes', {{ canonical_number(minutes) }}))
    )
{%- endmacro %}
