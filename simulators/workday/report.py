"""The custom report of workers: rows in which everything is text and an empty value is a missing key (sheet C3.1).

Effective dating (C3.4): a termination entered today may lie in the future. `Last_Modified` moves when it is entered,
`Active_Status` when the day has come; a rescinded worker is simply no longer there.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulators.firm.model import Consultant, World

COLUMNS = (
    "Employee_ID",
    "Legal_Name",
    "Work_Email",
    "Worker_Type",
    "Company",
    "Cost_Center",
    "Hire_Date",
    "Termination_Date",
    "Last_Modified",
    "Active_Status",
)
PROMPTS = frozenset({"Updated_From"})


def workers(world: World) -> list[Consultant]:
    """Those HR knows, by employee number."""
    return sorted((c for c in world.consultants.values() if c.hr_id is not None), key=lambda c: c.number)


def row(world: World, person: Consultant) -> dict[str, str]:
    """One worker as the report shows it."""
    today = world.clock.now().date()
    has_left = person.termination_date is not None and person.termination_date < today
    values = {
        "Employee_ID": person.hr_id,
        "Legal_Name": person.full_name,
        "Work_Email": person.email,
        "Worker_Type": person.worker_type,
        "Company": world.entities[person.entity].hr_company_code,
        "Cost_Center": person.cost_center,
        "Hire_Date": person.hire_date.isoformat(),
        "Termination_Date": person.termination_date.isoformat() if person.termination_date else None,
        "Last_Modified": person.modified_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Active_Status": "0" if has_left else "1",
    }
    return {name: value for name, value in values.items() if value}


def entries(world: World, updated_from: datetime | None) -> dict[str, Any]:
    """The report's JSON: workers entered or changed at or after `updated_from`."""
    chosen = [c for c in workers(world) if updated_from is None or c.modified_at >= updated_from]
    return {"Report_Entry": [row(world, person) for person in chosen]}


def moment(given: str) -> datetime:
    """A date or date-time prompt; one without an offset is UTC. ValueError when it is neither."""
    text = given.replace(" ", "+")  # an unencoded + arrives as a blank
    at = datetime.combine(date.fromisoformat(text), datetime.min.time()) if len(text) == 10 else None
    at = at or datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def schema(report: str) -> str:
    """The report's XML schema, as `?xsds` gives it: every column optional text."""
    columns = "".join(f'<xsd:element name="{name}" type="xsd:string" minOccurs="0"/>' for name in COLUMNS)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:wd="urn:com.workday.report/{report}"'
        f' targetNamespace="urn:com.workday.report/{report}" elementFormDefault="qualified">'
        f'<xsd:complexType name="Report_EntryType"><xsd:sequence>{columns}</xsd:sequence></xsd:complexType>'
        '<xsd:complexType name="Report_DataType"><xsd:sequence><xsd:element name="Report_Entry"'
        ' type="wd:Report_EntryType" minOccurs="0" maxOccurs="unbounded"/></xsd:sequence></xsd:complexType>'
        '<xsd:element name="Report_Data" type="wd:Report_DataType"/></xsd:schema>'
    )
