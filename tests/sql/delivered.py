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

    def reverse(self, source_id: str) -> None:
        """An hour in effect is taken back by a reversing row, acknowledged."""
        self._correct(source_id, "reverse", 2, minutes=Decimal(0))
        self.connection.execute(
            "update delivery.chain set reversed_intent_id = settled_intent_id, settled_intent_id = null, settled_minutes = null, settled_amount = null, "
            "settled_period = null, settled_legal_entity = null, settled_vendor_id = null, settled_record_key = null, settled_state = null, "
            "settled_fingerprint = null, settled_contract_version = null, generation = 3 where sync = 'erp_labor' and source_id = %s",
            (source_id,),
        )

    def post_again(self, source_id: str) -> None:
        """What was taken back is posted again as it was."""
        number = self._correct(source_id, "create", 3, minutes=None)
        self._settle_on(number)

    def adjust(self, source_id: str, minutes: int, sync: str = "payroll_hours") -> None:
        """A day in effect is adjusted to so many minutes by a row with the difference."""
        number = self._correct(source_id, "adjust", 2, minutes=Decimal(minutes), sync=sync)
        self._settle_on(number)
        self.connection.execute("update delivery.chain set is_in_pieces = true where settled_intent_id = %s", (number,))

    def propose(self, source_id: str, minutes: int, reason: str) -> None:
        """A plan saw that an hour in effect is to be so long, and proposes to reverse it and post it again."""
        self.plan("erp_labor")
        for operation, generation, target in (("reverse", 2, Decimal(0)), ("create", 3, Decimal(minutes))):
            number = self._correct(source_id, operation, generation, minutes=target)
            self.connection.execute(
                "update delivery.intent set state = 'held', held_by = 'proposal', reason = %s, owner = 'billing operations', vendor_id = null, "
                "amount = case operation when 'create' then base_amount * minutes / base_minutes else amount end where intent_id = %s",
                (reason, number),
            )
            if operation == "create":
                self.connection.execute(
                    "update delivery.intent set base_legal_entity = null, base_work_date = null, base_period = null, base_minutes = null, "
                    "base_amount = null, base_currency = null where intent_id = %s",
                    (number,),
                )

    def _correct(
        self, source_id: str, operation: str, generation: int, minutes: Decimal | None, sync: str = "erp_labor"
    ) -> int:
        row = self.connection.execute(
            """
            insert into delivery.intent (sync, source_system, source_id, chain_key, generation, record_key, revision, request_key, destination,
                operation, legal_entity, work_date, period, minutes, amount, currency, delta_minutes, delta_amount, base_legal_entity,
                base_work_date, base_period, base_minutes, base_amount, base_currency, fields, contract_version, fingerprint, correlation_id,
                desired_state, decided_state, state, vendor_id, corrects, plan_id)
            select sync, source_system, source_id, chain_key, %(generation)s, chain_key || '-g' || %(generation)s, %(generation)s,
                chain_key || '-g' || %(generation)s || '-r', destination, %(operation)s, legal_entity, work_date, period,
                coalesce(%(minutes)s, minutes), case when %(minutes)s::numeric = 0 then 0 * amount else amount end, currency,
                coalesce(%(minutes)s, minutes + minutes) - minutes, null, legal_entity, work_date, period, minutes, amount, currency, fields, 1,
                fingerprint, gen_random_uuid(), 'present', 'planned', 'acknowledged', %(operation)s || '-' || source_id, intent_id, plan_id
            from delivery.intent
            where sync = %(sync)s and source_id = %(source_id)s and generation = 1 and state = 'acknowledged'
            returning intent_id
            """,
            {
                "sync": sync,
                "source_id": source_id,
                "operation": operation,
                "generation": generation,
                "minutes": minutes,
            },
        ).fetchone()
        assert row is not None
        self.connection.execute(
            "insert into delivery.attempt (intent_id, attempt_no, outcome, vendor_id) "
            "select intent_id, 1, 'acknowledged', vendor_id from delivery.intent where intent_id = %s",
            (row[0],),
        )
        return int(row[0])

    def _settle_on(self, intent_id: int) -> None:
        self.connection.execute(
            """
            update delivery.chain c
            set settled_intent_id = i.intent_id, settled_minutes = i.minutes, settled_amount = i.amount, settled_currency = i.currency,
                settled_work_date = i.work_date, settled_period = i.period, settled_legal_entity = i.legal_entity,
                settled_vendor_id = i.vendor_id, settled_record_key = i.record_key, settled_state = i.state,
                settled_fingerprint = i.fingerprint, settled_contract_version = i.contract_version, generation = i.generation,
                reversed_intent_id = null
            from delivery.intent i where i.intent_id = %s and c.sync = i.sync and c.chain_key = i.chain_key
            """,
            (intent_id,),
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
        before = (
            self.before("netsuite", "time_bills", vendor_id)
            or self._first("netsuite.time_bills", "externalid", key)
            or {
                "trandate": "2026-10-05",
                "subsidiary": "1",
                "rate": "150",
            }
        )
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

    def _first(self, resource: str, path: str, key: str | None) -> dict[str, Any] | None:
        """The row of the hour's first generation: a correction says whom and where as that does."""
        row = self.connection.execute(
            f"select record from raw_{resource} where record #>> %s::text[] = %s order by version limit 1",
            (f"{{{path}}}", f"{(key or '').rpartition('-g')[0]}-g1"),
        ).fetchone()
        return None if row is None else dict(row[0])

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
        before = self.before("gusto", "time_sheets", vendor_id) or self._first("gusto.time_sheets", "metadata,dw_key", key) or {
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
