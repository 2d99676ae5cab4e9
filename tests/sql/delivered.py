"""What the engine and the read-back would have written after a night without trouble, by SQL alone.

`Night.settle` makes of every present row of the two sync views an acknowledged intent that a whole plan saw; `report_back`
lands at the destinations what was posted, with the sources' own counts asked afterwards. From there each test disturbs one
row and looks which line of the statement moves.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.sql.hand_made import Firm

SYNCS = {"erp_labor": ("sync.sync_erp__labor", "netsuite"), "payroll_hours": ("sync.sync_payroll__hours", "gusto")}
MATERIAL = {
    "erp_labor": [
        "employee_ref",
        "project_ref",
        "task_ref",
        "item_ref",
        "work_date",
        "minutes",
        "is_billable",
        "rate",
        "currency",
    ],
    "payroll_hours": ["employee_ref", "job_ref", "work_date", "time_zone", "entries"],
}
INTENT = """
insert into delivery.intent (sync, source_system, source_id, chain_key, generation, record_key, revision, request_key, destination, operation,
    legal_entity, work_date, period, minutes, amount, currency, delta_minutes, fields, contract_version, fingerprint, correlation_id, desired_state,
    decided_state, state, reason, owner, vendor_id, plan_id)
select %(sync)s, source_system, source_id, chain_key, 1, chain_key || '-g1', 1, chain_key || '-g1-r1-c', destination, 'create',
    legal_entity, work_date, period, minutes, amount, currency, minutes, delivery.material(fields, %(material)s), 1,
    delivery.fingerprint(1, delivery.material(fields, %(material)s)), gen_random_uuid(), desired_state,
    case desired_state when 'held' then 'held' else 'planned' end, case desired_state when 'held' then 'held' else 'acknowledged' end,
    reason, owner, case desired_state when 'present' then 'v-' || source_id end, %(plan)s
from {relation}
where (desired_state = 'present' or desired_state = 'held' and is_due)
  and not exists (select from delivery.chain c where c.sync = %(sync)s and c.chain_key = {relation}.chain_key)
returning intent_id
"""


class Night:
    """One night's deliveries of a firm."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.connection = firm.connection

    def settle(self) -> None:
        """Plans everything there is and has it acknowledged; what a rule holds becomes a held intent."""
        for sync, (relation, _) in SYNCS.items():
            plan = self.plan(sync)
            self.connection.execute(
                "insert into delivery.contract (sync, version, material_fields) values (%s, 1, %s) on conflict do nothing",
                (sync, MATERIAL[sync]),
            )
            made = self.connection.execute(
                INTENT.replace("{relation}", relation), {"sync": sync, "plan": plan, "material": MATERIAL[sync]}
            ).fetchall()
            ids = [row[0] for row in made]
            self.connection.execute(
                "insert into delivery.intent_line (intent_id, source_system, source_id, version, minutes) "
                f"select i.intent_id, m.source_system, m.source_id, m.version, m.minutes from delivery.intent i join {relation} r using (chain_key) "
                "cross join lateral jsonb_to_recordset(r.members) as m (source_system text, source_id text, version bigint, minutes numeric) "
                "where i.intent_id = any(%s)",
                (ids,),
            )
            self.connection.execute(
                """
                insert into delivery.chain (sync, source_system, source_id, chain_key, destination, revision, settled_intent_id, settled_minutes,
                    settled_amount, settled_currency, settled_work_date, settled_period, settled_legal_entity, settled_vendor_id,
                    settled_record_key, settled_state, settled_fingerprint, settled_contract_version, settled_at, open_intent_id)
                select i.sync, i.source_system, i.source_id, i.chain_key, i.destination, 1, done.intent_id, done.minutes, done.amount, done.currency,
                    done.work_date, done.period, done.legal_entity, done.vendor_id, done.record_key, done.state, done.fingerprint,
                    done.contract_version, done.state_since, case when i.state = 'held' then i.intent_id end
                from delivery.intent i
                left join lateral (select i.* where i.state = 'acknowledged') as done on true
                where i.intent_id = any(%s)
                """,
                (ids,),
            )

            self.connection.execute(
                "insert into delivery.attempt (intent_id, attempt_no, outcome, vendor_id) "
                "select i.intent_id, 1, 'acknowledged', i.vendor_id from delivery.intent i "
                "where i.intent_id = any(%s) and i.state = 'acknowledged'",
                (ids,),
            )

    def plan(self, sync: str) -> int:
        """A whole sweep that saw everything landed until now."""
        row = self.connection.execute(
            "insert into delivery.plan (sync, scope, snapshot, batch_state) values (%s, 'sweep', pg_current_snapshot(), 'ready') returning plan_id",
            (sync,),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def report_back(self) -> None:
        """The destinations are read after all was acknowledged, and hold just what was posted."""
        self.begin_reading()
        for key, vendor, minutes, fields in self.posted("erp_labor"):
            self.time_bill(
                vendor, key, minutes, rate=fields["rate"], is_billable=fields["is_billable"], employee=fields["employee_ref"],
                customer=fields["project_ref"], casetaskevent=fields["task_ref"], trandate=fields["work_date"],
            )  # fmt: skip
        for key, vendor, minutes, fields in self.posted("payroll_hours"):
            self.time_sheet(vendor, key, minutes, entity_uuid=fields["employee_ref"], job_uuid=fields["job_ref"])
        self.count()

    def posted(self, sync: str) -> list[tuple[str, str, Decimal, dict[str, Any]]]:
        return self.connection.execute(
            "select record_key, vendor_id, minutes, fields from delivery.intent where sync = %s and state = 'acknowledged' order by intent_id",
            (sync,),
        ).fetchall()

    def begin_reading(self) -> None:
        """A load of each destination and source begins now."""
        for connection, resource in (("netsuite", "time_bills"), ("gusto", "time_sheets"), ("kantata", "time_entries")):
            self.connection.execute(
                "insert into landing.load (load_id, run_id, connection, resource, scope, status, read_started_at, finished_at) "
                "values (gen_random_uuid()::text, 'night', %s, %s, 'changes', 'landed', clock_timestamp(), clock_timestamp())",
                (connection, resource),
            )

    def time_bill(self, vendor_id: str, key: str | None, minutes: Decimal | float | str, **changed: Any) -> None:
        """A version of an ERP time row, in hours as SuiteQL gives them; what isn't said is as it was."""
        is_deleted = changed.pop("is_deleted", False)
        is_billable = changed.pop("is_billable", True)
        before = self.before("netsuite", "time_bills", vendor_id) or {
            "trandate": "2026-10-05",
            "subsidiary": "1",
            "rate": "150",
        }
        record = before | {
            "id": vendor_id, "hours": str(round(Decimal(minutes) / 60, 6)), "externalid": key, "isbillable": "T" if is_billable else "F",
        } | changed  # fmt: skip
        self.firm.land(
            "netsuite",
            "time_bills",
            vendor_id,
            {name: value for name, value in record.items() if value is not None},
            is_deleted=is_deleted,
        )

    def time_sheet(
        self,
        vendor_id: str,
        key: str | None,
        minutes: Decimal | float | str,
        *,
        is_deleted: bool = False,
        **changed: Any,
    ) -> None:
        """A version of a time sheet, in hours with three decimals; what isn't said is as it was."""
        before = self.before("gusto", "time_sheets", vendor_id) or {
            "entity_uuid": "gu-1", "time_zone": "America/New_York", "shift_started_at": "2026-10-05T13:00:00Z",
        }  # fmt: skip
        record = before | changed | {
            "uuid": vendor_id,
            "metadata": {"dw_key": key} if key else {}, "entries": [{"hours_worked": str(round(Decimal(minutes) / 60, 3)), "pay_classification": "Regular"}],
        }  # fmt: skip
        self.firm.land("gusto", "time_sheets", vendor_id, record, is_deleted=is_deleted)

    def before(self, connection: str, resource: str, source_id: str) -> dict[str, Any]:
        """What landed last of a record; nothing if none did."""
        row = self.connection.execute(
            f"select record from raw_{connection}.{resource} where source_id = %s order by version desc limit 1",
            (source_id,),
        ).fetchone()
        return dict(row[0]) if row else {}

    def count(self) -> None:
        """Each system's own count of what it holds now, as it would answer: what landed, and is not deleted."""
        for connection, resource, column in (
            ("kantata", "time_entries", "date_performed"), ("netsuite", "time_bills", "trandate"), ("gusto", "time_sheets", None),
        ):  # fmt: skip
            minutes = "sum((record ->> 'hours')::numeric * 60)" if resource == "time_bills" else "null::numeric"
            period = f"date_trunc('month', (record ->> '{column}')::date)::date" if column else "null::date"
            self.connection.execute(
                f"with latest as (select distinct on (source_id) * from raw_{connection}.{resource} order by source_id, source_version desc, version desc), "
                "moment as (select clock_timestamp() as now) "
                "insert into landing.control_total (connection, resource, period, source_count, source_minutes, asked_at, load_id) "
                f"select %s, %s, {period}, count(*), {minutes}, min(moment.now), 'count' from latest cross join moment where not is_deleted group by 3",
                (connection, resource),
            )
