"""Gusto's writer: time sheets, and the payroll sync that brings them into effect."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbing.clock import Clock, SystemClock
from plumbing.errors import Refused, Transient
from plumbing.http import json_body
from plumbing.vendor_options import options_of
from plumbing.vendors import gusto
from reverse_etl.payroll.gusto import payloads
from reverse_etl.payroll.gusto.payloads import Period
from reverse_etl.writer import Capabilities, Found, Operation, Outcome, Record, Result

if TYPE_CHECKING:
    from plumbing.http import Exchange
    from plumbing.settings import Connection
    from reverse_etl.fieldmap import FieldMap

PAGE_SIZE = 100
POLL_SECONDS = 0.5
POLLS = 60
NOTHING_TO_SYNC = "nothing_to_do"
RUNNING = frozenset({"pending", "in_progress"})


class Writer:
    """Time sheets of one company."""

    capabilities = Capabilities(
        has_key=False,
        has_lookup=True,
        adjust="yes",
        quantum_minutes=Decimal("0.06"),
        processing_seconds=60.0,
        visibility_seconds=10.0,
        is_followed_up=True,
    )

    def __init__(self, connection: Connection, entity: str, field_map: FieldMap, clock: Clock | None = None) -> None:
        options = options_of(connection, gusto.Options)
        self._field_map = field_map.over(payloads.DEFAULT_FIELDS, payloads.COLUMNS)
        self._start_hour = options.shift_start_hour
        self._company = f"v1/companies/{options.company_uuid}"
        self._client = gusto.client(connection)
        self._entity = entity
        self._clock = clock or SystemClock()
        self.timeout_seconds = self._client.timeout.whole_call_seconds
        self.concurrency = self._client.allowance.concurrency

    def observe(self, on_request: Callable[[Exchange], None], before_send: Callable[[], None]) -> None:
        """See `reverse_etl.writer.Writer`."""
        self._client.on_request = on_request
        self._client.before_send = before_send

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def check(self) -> str:
        """Prove that time sheets can be read with this grant."""
        answer = self._client.get(f"{self._company}/time_tracking/time_sheets", params={"page": 1, "per": 1})
        return f"time sheets can be read; {answer.headers.get('x-total-count', 'some')} there"

    def payload(self, record: Record) -> Mapping[str, Any]:
        """The sheet."""
        return payloads.body(record, self._field_map, self._start_hour)

    def matches(self, payload: Mapping[str, Any], found: Found) -> bool:
        """Whether the sheet there says what the payload says."""
        return payloads.says_the_same(payload, found.row)

    def find(self, record: Record) -> Found | None:
        """The record's sheet among its person's."""
        people = {
            str(fields["employee_ref"])
            for fields in (record.fields, record.previous)
            if fields and fields.get("employee_ref")
        }
        for person in sorted(people):
            sheet = payloads.pick(self._sheets({"entity_uuids": person, "entity_type": "Employee"}), record)
            if sheet is not None:
                return payloads.found(sheet)
        return None

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """One sheet a call."""
        return [self._send(record) for record in records]

    def _send(self, record: Record) -> Outcome:
        if record.operation is Operation.REVERSE:
            raise Refused("Gusto takes no reversing sheet.", category="takes_back_pay")
        if record.operation.makes_a_row:
            answer = self._client.post(f"{self._company}/time_tracking/time_sheets", json=record.payload)
            return _accepted(json_body(answer), answer.status_code)
        there = self.find(record)
        if there is None:
            return Outcome(Result.GONE, category="gone_by_hand", message="The time sheet isn't there any more.")
        address = f"v1/time_tracking/time_sheets/{there.vendor_id}"
        version = there.row["version"]
        if record.operation is Operation.AMEND:
            answer = self._client.put(address, json={**(record.payload or {}), "version": version})
            return _accepted(json_body(answer), answer.status_code)
        answer = self._client.delete(address, params={"version": version})
        # What the payroll already took over leaves it with the next sync.
        result = Result.ACCEPTED if there.is_in_effect else Result.ACKNOWLEDGED
        return Outcome(
            result, vendor_id=there.vendor_id, status=answer.status_code, message="awaiting the payroll sync"
        )

    def _sheets(self, filters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Sheets, newest change first."""
        page = 1
        while True:
            params = {**filters, "sort_by": "updated_at", "sort_order": "desc", "page": page, "per": PAGE_SIZE}
            answer = self._client.get(f"{self._company}/time_tracking/time_sheets", params=params)
            sheets = json_body(answer) or []
            yield from sheets
            if page >= int(answer.headers.get("x-total-pages", page)) or not sheets:
                return
            page += 1

    # -- following up -------------------------------------------------------------------------------------------------

    def follow_up(self, records: Sequence[Record]) -> Iterable[tuple[int, Outcome]]:
        """Look at every accepted sheet; sync the pay periods whose approved sheets wait; look again."""
        if not records:
            return
        ready: dict[Period, list[Record]] = defaultdict(list)
        sheets = self._of(records)
        for record in records:
            outcome = (
                None
                if record.operation is Operation.DELETE
                else payloads.standing(record, sheets.get(record.vendor_id or ""))
            )
            period = Period.of(record)
            if outcome is None and period is None:
                outcome = Outcome(Result.ACCEPTED, message="no pay period is known for its day")
            if outcome is not None:
                yield record.intent_id, outcome
            elif period is not None:
                ready[period].append(record)
        yield from self._synced(ready)

    def _of(self, records: Sequence[Record]) -> dict[str, Mapping[str, Any]]:
        """The records' sheets by id; the list ends when all are found."""
        wanted = {record.vendor_id for record in records if record.operation is not Operation.DELETE}
        found: dict[str, Mapping[str, Any]] = {}
        if wanted:
            for sheet in self._sheets({}):
                if sheet["uuid"] in wanted:
                    found[sheet["uuid"]] = sheet
                    if len(found) == len(wanted):
                        break
        return found

    def _synced(self, ready: Mapping[Period, list[Record]]) -> Iterator[tuple[int, Outcome]]:
        """Run the payroll sync of every period, side by side; each period's records are told when its sync has ended."""
        asks: dict[Period, Callable[[], Mapping[str, Any] | None]] = {
            period: functools.partial(self._begin, period) for period in sorted(ready, key=lambda one: one.start)
        }
        for turn in range(POLLS + 1):
            if turn:
                self._clock.sleep(POLL_SECONDS)
            for period, ask in list(asks.items()):
                try:
                    job = ask()
                except Transient as error:  # the other periods go on; this one is asked again by the next follow-up
                    told = [(one.intent_id, Outcome(Result.ACCEPTED, message=error.message)) for one in ready[period]]
                except Refused as error:
                    told = [(one.intent_id, _not_taken(one, error)) for one in ready[period]]
                else:
                    if job is not None and job["status"] in RUNNING and turn < POLLS:
                        asks[period] = functools.partial(self._look, job)
                        continue
                    told = self._told(ready[period], job)
                del asks[period]
                yield from told
            if not asks:
                return

    def _begin(self, period: Period) -> Mapping[str, Any] | None:
        """A payroll sync of a period, begun; None when nothing is left to sync, which is no complaint."""
        try:
            begun: Mapping[str, Any] = json_body(
                self._client.post(f"{self._company}/time_tracking/payroll_syncs", json=period.body)
            )
        except Refused as error:
            if error.category == NOTHING_TO_SYNC:
                return None
            raise
        return begun

    def _look(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        seen: Mapping[str, Any] = json_body(self._client.get(f"v1/time_tracking/payroll_syncs/{job['uuid']}"))
        return seen

    def _told(self, records: list[Record], job: Mapping[str, Any] | None) -> list[tuple[int, Outcome]]:
        """What a payroll sync that has ended means for its records."""
        job_ref, trouble = (None, None) if job is None else (str(job["uuid"]), _trouble(job))
        sheets = self._of(records)
        told = []
        for record in records:
            if record.operation is Operation.DELETE:
                outcome = Outcome(Result.ACKNOWLEDGED, vendor_id=record.vendor_id, job_ref=job_ref)
            else:
                sheet = sheets.get(record.vendor_id or "")
                outcome = payloads.standing(record, sheet, is_all_synced=trouble is None) or Outcome(
                    Result.ACCEPTED,
                    message=trouble or "approved there; the payroll sync did not take it",
                    job_ref=job_ref,
                )
            told.append((record.intent_id, outcome))
        return told


def _trouble(job: Mapping[str, Any]) -> str | None:
    """What a payroll sync complained of."""
    told = "; ".join(
        str(one.get("message", one)) if isinstance(one, dict) else str(one) for one in job.get("errors") or ()
    )
    if job["status"] == "success" and not told:
        return None
    return f"payroll sync {job['status']}{': ' if told else ''}{told}"


def _accepted(sheet: Mapping[str, Any], status: int) -> Outcome:
    return Outcome(
        Result.ACCEPTED,
        vendor_id=str(sheet["uuid"]),
        vendor_detail=payloads.detail_of(sheet),
        message="awaiting approval there" if sheet.get("status") != "approved" else "awaiting the payroll sync",
        status=status,
    )


def _not_taken(record: Record, error: Refused) -> Outcome:
    """A period that takes no more: the sheet stands there, but will not be paid by this payroll."""
    if error.category == "closed_period":
        return Outcome(
            Result.REFUSED, vendor_id=record.vendor_id, category="closed_period", code=error.code, message=error.message
        )
    return Outcome(Result.ACCEPTED, vendor_id=record.vendor_id, message=error.message)
