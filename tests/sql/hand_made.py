"""A small firm written by hand into the landing tables: what the models' tests start from.

`Firm.land` appends one version of one record as the landing statement would, and keeps the current record and the
neighbourhoods by landing's own functions. `Firm.start` lands the masters of one project in each billing type, three
people (US, UK, a subcontractor) and their counterparts in the ERP and payroll, with every id plain to read.
"""

from __future__ import annotations

import json
from typing import Any

import psycopg

MASTERS = {
    "kantata": (
        "users", "workspaces", "workspace_groups", "stories", "roles", "rate_card_roles", "external_references", "line_item_locks",
    ),
    "salesforce": ("accounts", "contracts", "pricebook_entries"),
    "workday": ("workers",),
    "netsuite": ("employees", "customers", "jobs", "project_tasks", "items", "accounting_periods", "subsidiaries"),
    "gusto": ("employees", "payrolls", "pay_schedules"),
    "tryton": ("companies", "accounting_periods", "employees", "parties", "projects", "tasks", "timesheet_works"),
}  # fmt: skip
TRANSACTIONS = {
    "kantata": ("time_entries", "timesheet_submissions"),
    "netsuite": ("time_bills", "invoices"),
    "gusto": ("time_sheets",),
    "tryton": ("timesheet_lines", "invoices", "invoice_lines", "payments"),
}
NEIGHBOURHOODS = {
    ("kantata", "time_entries"): [{"kind": "person_day", "key_1": "$.user_id", "key_2": "$.date_performed"}],
    ("netsuite", "time_bills"): [{"kind": "readback_of_key", "key_1": "$.externalid"}],
    ("netsuite", "invoices"): [{"kind": "invoice_of_time", "key_1": "$.time.items[*] ? (@.apply == true).doc"}],
    ("tryton", "timesheet_lines"): [{"kind": "readback_of_key", "key_1": "$.marker"}],
    ("tryton", "invoices"): [{"kind": "invoice_of_time", "key_1": "$.time[*].line"}],
    ("gusto", "time_sheets"): [{"kind": "readback_of_key", "key_1": "$.metadata.dw_key"}],
}
MONDAY = "2026-10-05"
SYSTEMS = ("kantata", "salesforce", "workday", "netsuite", "gusto")  # Tryton is an ERP of some tests only


def ensure_raw(connection: psycopg.Connection[Any], psa: str = "kantata", systems: tuple[str, ...] = SYSTEMS) -> None:
    """Every raw table of the systems; `psa` names one more Kantata connection when it differs."""
    for system, resources in [*MASTERS.items(), *TRANSACTIONS.items()]:
        for resource in resources if system in systems else ():
            name = psa if system == "kantata" else system
            connection.execute("select landing.ensure_raw(%s, %s)", (name, resource))


class Firm:
    """The firm's records as they stand, over one database connection that may write landing and the ledger."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._loads = 0

    def land(
        self, system: str, resource: str, source_id: str, record: dict[str, Any], *, is_deleted: bool = False
    ) -> None:
        """One more version of a record; the newest."""
        raw = f"raw_{system}.{resource}"
        self._loads += 1
        highest = self._one(f"select coalesce(max(version), 0) from {raw}")
        self.connection.execute(
            f"insert into {raw} (source_id, source_version, read_started_at, load_id, is_deleted, content_hash, record) "
            "values (%s, '2026-10-01'::timestamptz + %s * interval '1 second', clock_timestamp(), %s, %s, %s, %s)",
            (source_id, highest, f"load-{self._loads}", is_deleted, f"hash-{self._loads}", json.dumps(record)),
        )
        if resource in MASTERS.get(system, ()):
            self.connection.execute("select landing.keep_current(%s, %s, %s)", (system, resource, highest))
        if rules := NEIGHBOURHOODS.get((system, resource)):
            self.connection.execute(
                "select landing.keep_neighbourhoods(%s, %s, %s, %s)", (system, resource, json.dumps(rules), highest)
            )

    def entry(self, source_id: str, **changed: Any) -> None:
        """A version of a time entry: two hours of Ann's on the time-and-materials project, approved, unless told."""
        is_deleted = changed.pop("is_deleted", False)
        record = {
            "id": source_id, "user_id": "11", "workspace_id": "21", "story_id": "31", "role_id": "41", "date_performed": MONDAY,
            "time_in_minutes": 120, "billable": True, "approved": True, "notes": f"pii_{source_id}", "active_submission_id": "51",
            "created_at": "2026-10-05T16:00:00Z", "updated_at": "2026-10-05T16:00:00Z",
        } | changed  # fmt: skip
        self.land("kantata", "time_entries", source_id, record, is_deleted=is_deleted)

    def submission(self, source_id: str, status: str) -> None:
        self.land("kantata", "timesheet_submissions", source_id, {"id": source_id, "status": status})

    def start(self) -> None:
        """The masters."""
        for user, role, email in (
            ("11", "41", "pii_ann"),
            ("12", "42", "pii_bob"),
            ("13", "41", "pii_cleo"),
            ("14", "41", "pii_dan"),
        ):
            self.land("kantata", "users", user, {"id": user, "role_id": role, "email_address": email})
        for number, (subject, kind, service, model, ref) in enumerate(
            (
                ("11", "User", "hris", "employee", "101"),
                ("12", "User", "hris", "employee", "102"),
                ("21", "Workspace", "salesforce", "Contract", "2001"),
                ("22", "Workspace", "salesforce", "Contract", "2002"),
                ("23", "Workspace", "salesforce", "Contract", "2003"),
                ("61", "WorkspaceGroup", "salesforce", "Account", "1001"),
            ),
            start=1,
        ):
            record = {
                "subject_id": subject,
                "subject_type": kind,
                "service_name": service,
                "service_model": model,
                "service_model_ref": ref,
            }
            self.land("kantata", "external_references", str(number), record)
        for workspace, title, needs_approval in (
            ("21", "P1001 Harbour", True), ("22", "P1002 Bridge", True), ("23", "P1003 Advice", True),
            ("24", "P0001 Internal", False), ("25", "P0002 Time off", True),
        ):  # fmt: skip
            record = {
                "id": workspace,
                "title": title,
                "require_time_approvals": needs_approval,
                "currency": "USD",
                "rate_card_id": "71",
            }
            self.land("kantata", "workspaces", workspace, record)
        self.land(
            "kantata", "workspace_groups", "61", {"name": "Acme", "company": True, "workspace_ids": ["21", "22", "23"]}
        )
        for story, workspace, title in (
            ("31", "21", "Design"),
            ("32", "22", "Build"),
            ("33", "23", "Advice"),
            ("35", "25", "Vacation"),
        ):
            self.land(
                "kantata", "stories", story, {"id": story, "workspace_id": workspace, "title": title, "billable": True}
            )
        for role, name in (("41", "Consultant"), ("42", "Senior Consultant")):
            self.land("kantata", "roles", role, {"id": role, "name": name})
        self.submission("51", "approved")
        self.land("salesforce", "accounts", "001A", {"Name": "Acme", "AccountNumber": "C1001", "ParentId": None})
        for contract, number, billing in (
            ("800A", "00002001", "Time and Materials"),
            ("800B", "00002002", "Fixed Fee"),
            ("800C", "00002003", "Retainer"),
        ):
            record = {
                "AccountId": "001A",
                "ContractNumber": number,
                "Billing_Type__c": billing,
                "CurrencyIsoCode": "USD",
                "Pricebook2Id": "01s1",
            }
            self.land("salesforce", "contracts", contract, record)
        self.price("price-role", Role__c="Consultant", UnitPrice=150)
        self.price("price-senior", Role__c="Senior Consultant", UnitPrice=200.50)
        for worker, written, company, kind, email in (
            ("E00101", "E00101", "CO_US", "Employee", "pii_ann"),
            ("102", "102", "CO_UK", "Employee", "pii_bob"),
            ("E00103", "E00103", "CO_US", "Contingent_Worker", "pii_cleo"),
        ):
            record = {
                "Employee_ID": written,
                "Company": company,
                "Worker_Type": kind,
                "Work_Email": email,
                "Active_Status": "1",
            }
            self.land("workday", "workers", worker, record)
        for employee, number, email in (
            ("901", "E00101", "pii_ann"),
            ("902", "E00102", "pii_bob"),
            ("903", "E00103", "pii_cleo"),
        ):
            self.land(
                "netsuite",
                "employees",
                employee,
                {"id": employee, "entityid": number, "email": email, "isinactive": "F"},
            )
        self.land("netsuite", "customers", "700", {"id": "700", "entityid": "C1001", "companyname": "Acme"})
        for job, code in (("2001", "P1001"), ("2002", "P1002"), ("2003", "P1003")):
            self.land(
                "netsuite",
                "jobs",
                job,
                {"id": job, "entityid": code, "customer": "700", "entitystatus": "Open", "isinactive": "F"},
            )
        for task, job, title in (("3001", "2001", "Design"), ("3002", "2002", "Build"), ("3003", "2003", "Advice")):
            self.land("netsuite", "project_tasks", task, {"id": task, "project": job, "title": title, "status": "Open"})
        for item, code in (("501", "CONSULTANT"), ("502", "SENIOR-CONSULTANT")):
            self.land("netsuite", "items", item, {"id": item, "itemid": code, "isinactive": "F"})
        for period, name, start, end, closed in (
            ("401", "Sep 2026", "2026-09-01", "2026-09-30", "T"), ("402", "Oct 2026", "2026-10-01", "2026-10-31", "F"),
        ):  # fmt: skip
            record = {
                "periodname": name,
                "startdate": start,
                "enddate": end,
                "closed": closed,
                "isquarter": "F",
                "isyear": "F",
            }
            self.land("netsuite", "accounting_periods", period, record)
        self.land("netsuite", "subsidiaries", "1", {"id": "1", "name": "Hartwell Consulting Inc.", "currency": "USD"})
        for employee, code, email in (("gu-1", "E00101", "pii_ann"),):
            record = {
                "uuid": employee,
                "employee_code": code,
                "work_email": email,
                "jobs": [{"uuid": "job-1", "primary": True}],
            }
            self.land("gusto", "employees", employee, record)
        for payroll, start, end, processed in (
            ("pay-1", "2026-09-16", "2026-09-30", True),
            ("pay-2", "2026-10-01", "2026-10-15", False),
        ):
            record = {
                "processed": processed,
                "pay_period": {"start_date": start, "end_date": end, "pay_schedule_uuid": "sch-1"},
            }
            self.land("gusto", "payrolls", payroll, record)

    def clear(self) -> None:
        """Nothing landed, nothing delivered; the rules stay."""
        tables = [
            f"raw_{system}.{resource}"
            for system, names in [*MASTERS.items(), *TRANSACTIONS.items()]
            for resource in names
            if self._one(f"select to_regclass('raw_{system}.{resource}') is not null")
        ]
        tables += [
            f"landing.{name}" for name in ("current_record", "neighbourhood", "load", "control_total", "quarantine")
        ]
        tables += [f"delivery.{name}" for name in ("intent", "intent_line", "attempt", "chain", "plan")]
        self.connection.execute("set session_replication_role = replica")  # what is append-only is emptied too
        self.connection.execute(f"truncate {', '.join(tables)} restart identity")
        self.connection.execute("set session_replication_role = origin")

    def price(self, source_id: str, **changed: Any) -> None:
        """A version of a price-book entry: open from the year's start, in dollars, unless told."""
        record = {
            "Pricebook2Id": "01s1", "CurrencyIsoCode": "USD", "Effective_From__c": "2026-01-01", "Effective_To__c": None, "IsActive": True,
        } | changed  # fmt: skip
        self.land("salesforce", "pricebook_entries", source_id, record)

    def _one(self, query: str) -> Any:
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return row[0]
