"""What is read of Gusto, and how its answers become records. Pure.

Lists are bare arrays; hours and money are text; a time sheet's instants are UTC beside its IANA zone.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.declaration import Duration, Field, Neighbourhood, Personal, Resource

EMPLOYEES = Resource(
    name="employees",
    is_master=True,
    key="uuid",
    is_complete=True,
    is_about_person=True,
    fields=(
        Field("uuid", "text"),
        Field("first_name", "text", nullable=True),
        Field("last_name", "text", nullable=True),
        Field("email", "text", "usually", nullable=True),
        Field("work_email", "text", "usually", nullable=True),
        Field("company_uuid", "text", "sometimes", nullable=True),
        Field("version", "text", "sometimes", nullable=True),
        Field("employee_code", "text", "usually", nullable=True),
        Field("department", "text", "sometimes", nullable=True),
        Field("terminated", "boolean", "usually", nullable=True),
        Field("onboarded", "boolean", "sometimes", nullable=True),
        Field("current_employment_status", "text", "sometimes", nullable=True),
        Field("jobs", "list"),
    ),
    personal=(
        Personal(("first_name",), "name", kind_of_person="employee"),
        Personal(("last_name",), "name", kind_of_person="employee"),
        Personal(("email",), "email", kind_of_person="employee"),
        Personal(("work_email",), "email", kind_of_person="employee"),
    ),
)
PAYROLLS = Resource(
    name="payrolls",
    is_master=True,
    key="payroll_uuid",
    fields=(
        Field("payroll_uuid", "text"),
        Field("processed", "boolean"),
        Field("pay_period", "object"),
        Field("payroll_deadline", "any", "usually", nullable=True),
        Field("check_date", "date", "usually", nullable=True),
        Field("processed_date", "any", "sometimes", nullable=True),
        Field("calculated_at", "any", "sometimes", nullable=True),
        Field("off_cycle", "boolean", "sometimes", nullable=True),
        Field("external", "boolean", "sometimes", nullable=True),
        Field("payroll_status_meta", "any", "sometimes", nullable=True),
        Field("totals", "any", "sometimes", nullable=True),
        Field("processing_request", "any", "sometimes", nullable=True),
        Field("submission_blockers", "any", "sometimes", nullable=True),
        Field("created_at", "any", "sometimes", nullable=True),
        Field("uuid", "text", "sometimes", nullable=True),
        Field("company_uuid", "text", "sometimes", nullable=True),
        Field("auto_pilot", "boolean", "sometimes", nullable=True),
    ),
)
PAY_SCHEDULES = Resource(
    name="pay_schedules",
    is_master=True,
    key="uuid",
    is_complete=True,
    fields=(
        Field("uuid", "text"),
        Field("version", "text", "sometimes", nullable=True),
        Field("frequency", "text"),
        Field("anchor_pay_date", "date", "usually", nullable=True),
        Field("anchor_end_of_pay_period", "date", "usually", nullable=True),
        Field("auto_pilot", "boolean", "sometimes", nullable=True),
        Field("name", "text", "sometimes", nullable=True),
        Field("active", "boolean", "sometimes", nullable=True),
    ),
)
TIME_SHEETS = Resource(
    name="time_sheets",
    is_master=False,
    key="uuid",
    source_version="updated_at",
    duration=Duration("hours_worked", 60, within="entries"),
    fields=(
        Field("uuid", "text"),
        Field("status", "text"),
        Field("time_zone", "text"),
        Field("entity_type", "text"),
        Field("entity_uuid", "text"),
        Field("shift_started_at", "instant"),
        Field("entries", "list"),
        Field("updated_at", "instant"),
        Field("company_uuid", "text", "sometimes", nullable=True),
        Field("job_uuid", "text", "sometimes", nullable=True),
        Field("version", "text", "sometimes", nullable=True),
        Field("shift_ended_at", "instant", "sometimes", nullable=True),
        Field("synced_to_payroll_at", "instant", "sometimes", nullable=True),
        Field("created_at", "instant", "sometimes", nullable=True),
        Field("metadata", "object", "sometimes", nullable=True),
    ),
    neighbourhoods=(Neighbourhood("readback_of_key", "$.metadata.dw_key"),),
)
RESOURCES: Sequence[Resource] = (EMPLOYEES, PAY_SCHEDULES, PAYROLLS, TIME_SHEETS)
