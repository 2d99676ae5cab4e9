"""What is read of Workday's report of workers. Pure.

Everything in a report is text; what is empty is not there.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.declaration import Field, Personal, Resource

WORKERS = Resource(
    name="workers",
    is_master=True,
    key="Employee_ID",
    source_version="Last_Modified",
    is_complete=True,
    is_about_person=True,
    fields=(
        Field("Employee_ID", "text"),
        Field("Legal_Name", "text", "usually"),
        Field("Work_Email", "text", "usually"),
        Field("Worker_Type", "text"),
        Field("Company", "text"),
        Field("Cost_Center", "text", "usually"),
        Field("Hire_Date", "date", "usually"),
        Field("Termination_Date", "date", "sometimes"),
        Field("Last_Modified", "instant"),
        Field("Active_Status", "text"),
    ),
    personal=(
        Personal(("Legal_Name",), "name", kind_of_person="worker"),
        Personal(("Work_Email",), "email", kind_of_person="worker"),
    ),
)
RESOURCES: Sequence[Resource] = (WORKERS,)
