"""One row deleted or altered, in raw, in the ledger or at the destination: just the lines it stands in move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from tests.end_to_end.job import Job, moved, start_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("whole jobs")]

ERP, PAYROLL = "erp_labor", "payroll_hours"
Moves = dict[tuple[int, str, str], tuple[Any, int]]  # (line, name, bucket): minutes and rows
# An hour that was sent once, is billed by the hour, is the only one of its day in payroll, and rounds nowhere.
_HOUR = """
select c.source_id, c.chain_key, c.settled_intent_id as intent_id, c.settled_vendor_id as vendor_id,
       c.settled_minutes as minutes, i.period
from delivery.chain c join delivery.intent i on i.intent_id = c.settled_intent_id
where c.sync = 'erp_labor' and not i.is_adopted and i.amount is not null and i.legal_entity = 'US' and c.revision = 1
  and exists (select from delivery.chain p join delivery.intent_line l on l.intent_id = p.settled_intent_id
              where p.sync = 'payroll_hours' and l.source_id = c.source_id and p.settled_minutes = c.settled_minutes)
  and mod(c.settled_minutes, 15) = 0
order by c.chain_key desc offset %s limit 1
"""


@dataclass(frozen=True)
class Tamper:
    """`statement` is run as the database's owner with the hour's columns; `moves`: of an hour of so many minutes."""

    statement: str
    moves: Callable[[Decimal], Moves]


def hours_of_the_psa(m: Decimal) -> Moves:
    """An hour is no longer there that the source counts and the ledger holds."""
    return {
        (1, "kantata", "landed"): (-m, -1),
        (1, "kantata", "unexplained"): (0, 1),
        (2, "kantata", "landed"): (-m, -1),
        (2, "kantata", "approved"): (-m, -1),
        **{(3, sync, bucket): (-m, -1) for sync in (ERP, PAYROLL) for bucket in ("approved", "due")},
        **{(4, sync, "due"): (-m, -1) for sync in (ERP, PAYROLL)},
        **{(4, sync, "unexplained"): (-m, 1) for sync in (ERP, PAYROLL)},
    }


def lost_from_the_ledger(m: Decimal) -> Moves:
    """What is due has nobody who answers for it, and what is there belongs to nobody."""
    return {
        (4, ERP, "posted"): (-m, -1),
        (4, ERP, "unexplained"): (m, 1),
        (5, ERP, "posted"): (-m, -1),
        (5, ERP, "unexplained"): (-m, 1),
    }


TAMPERS = {
    "a time entry deleted from raw": Tamper(
        "delete from raw_kantata.time_entries where source_id = {source_id}", hours_of_the_psa
    ),
    "an hour added to a time entry in raw": Tamper(
        "update raw_kantata.time_entries set record ="
        " jsonb_set(record, '{{time_in_minutes}}', to_jsonb((record ->> 'time_in_minutes')::int + 60))"
        " where source_id = {source_id}",
        lambda m: {
            (1, "kantata", "landed"): (60, 0),
            (2, "kantata", "landed"): (60, 0),
            (2, "kantata", "approved"): (60, 0),
            **{(3, sync, bucket): (60, 0) for sync in (ERP, PAYROLL) for bucket in ("approved", "due")},
            **{(4, sync, "due"): (60, 0) for sync in (ERP, PAYROLL)},
            **{(4, sync, "unexplained"): (60, 1) for sync in (ERP, PAYROLL)},
        },
    ),
    "a row of the read-back deleted from raw": Tamper(
        "delete from raw_netsuite.time_bills where source_id = {vendor_id}",
        lambda m: {
            (1, "netsuite", "landed"): (-m, -1),
            (1, "netsuite", "unexplained"): (m, 1),
            (5, ERP, "read back"): (-m, -1),
            (5, ERP, "unexplained"): (m, 1),
        },
    ),
    "a row of the read-back altered in raw": Tamper(
        "update raw_netsuite.time_bills set record = jsonb_set(record, '{{hours}}', to_jsonb('0.5'::text))"
        " where source_id = {vendor_id}",
        lambda m: {
            (1, "netsuite", "landed"): (30 - m, 0),
            (1, "netsuite", "unexplained"): (m - 30, 0),
            (5, ERP, "read back"): (30 - m, 0),
            (5, ERP, "unexplained"): (m - 30, 1),
        },
    ),
    "an intent deleted": Tamper("delete from delivery.intent where intent_id = {intent_id}", lost_from_the_ledger),
    "an intent altered": Tamper(
        "update delivery.intent set minutes = minutes + 60 where intent_id = {intent_id}",
        lambda m: {
            (4, ERP, "posted"): (60, 0),
            (4, ERP, "unexplained"): (-m - 120, 2),
            (5, ERP, "posted"): (60, 0),
            (5, ERP, "unexplained"): (60, 1),
        },
    ),
    "a chain deleted": Tamper(
        "delete from delivery.chain where chain_key = {chain_key} and sync = 'erp_labor'", lost_from_the_ledger
    ),
    "an attempt deleted": Tamper(
        "delete from delivery.attempt where intent_id = {intent_id}", lambda m: {(4, ERP, "unexplained"): (-m, 1)}
    ),
    "an attempt altered": Tamper(
        "update delivery.attempt set vendor_id = '1' where intent_id = {intent_id}",
        lambda m: {(4, ERP, "unexplained"): (-m, 1)},
    ),
}


@pytest.fixture(scope="module")
def settled(job_home: Path, databases: Databases) -> Iterator[Job]:
    """A firm after its first night, everything explained, and its database kept."""
    with start_job(job_home, databases, seed=7, entries=500) as job:
        job.adopt()
        job.deliver()
        assert job.statement().exit_code == 0
        databases.keep("settled")
        yield job


@pytest.mark.parametrize("name", TAMPERS)
def test_a_row_of_ours_deleted_or_altered_moves_just_its_lines(settled: Job, name: str) -> None:
    before, tamper = settled.statement(), TAMPERS[name]
    hour = settled.rows(_HOUR, 3)[0]
    with settled.database() as connection:
        literals = {key: sql.Literal(value) for key, value in hour.items()}
        assert connection.execute(sql.SQL(tamper.statement).format(**literals)).rowcount == 1
    try:
        after = settled.statement()
    finally:
        settled.databases.bring_back("settled")
    assert found(before, after, hour["period"]) == tamper.moves(hour["minutes"])
    assert after.exit_code == 1


HANDS: dict[str, tuple[str, dict[str, Any], str, Callable[[Decimal], Moves]]] = {
    "hours changed": (
        "erp_change_hours",
        {"row_id": "vendor_id"},
        "netsuite",
        lambda m: {
            (1, "netsuite", "source count"): (30, 0),
            (1, "netsuite", "landed"): (30, 0),
            (5, ERP, "read back"): (30, 0),
            (5, ERP, "changed by hand there"): (-30, 1),
        },
    ),
    "rate changed": (
        "erp_change_amount",
        {"row_id": "vendor_id"},
        "netsuite",
        lambda m: {(5, ERP, "changed by hand there"): (0, 1)},
    ),
    "row deleted": (
        "erp_delete_row",
        {"row_id": "vendor_id"},
        "netsuite",
        lambda m: {
            (1, "netsuite", "source count"): (-m, -1),
            (1, "netsuite", "landed"): (-m, -1),
            (5, ERP, "read back"): (-m, -1),
            (5, ERP, "gone by hand there"): (m, 1),
        },
    ),
    "foreign row": (
        "erp_foreign_row",
        {"minutes": 90},
        "netsuite",
        lambda m: {
            (1, "netsuite", "source count"): (90, 1),
            (1, "netsuite", "landed"): (90, 1),
            (5, ERP, "read back"): (90, 1),
            (5, ERP, "foreign row"): (-90, 1),
        },
    ),
}


@pytest.mark.parametrize(("place", "name"), enumerate(HANDS, start=10))
def test_what_a_hand_does_in_the_erp_is_named_and_nothing_is_unexplained(settled: Job, place: int, name: str) -> None:
    verb, arguments, connection, moves = HANDS[name]
    before = settled.statement()
    hour = settled.rows(_HOUR, place)[0]
    done = settled.firm.change(verb, **{key: hour.get(str(given), given) for key, given in arguments.items()})
    assert len(done["rows"]) == 1
    settled.read(connection)
    after = settled.statement()
    assert found(before, after) == moves(hour["minutes"])
    assert after.exit_code == 3
    assert settled_plans_nothing(settled)


PAY_HANDS: dict[str, Callable[[Decimal], Moves]] = {
    "gusto_change_sheet": lambda m: {
        (1, "gusto", "landed"): (15 - m, 0),
        (5, PAYROLL, "read back"): (15 - m, 0),
        (5, PAYROLL, "changed by hand there"): (m - 15, 1),
    },
    "gusto_delete_sheet": lambda m: {
        (1, "gusto", "source count"): (0, -1),
        (1, "gusto", "landed"): (-m, -1),
        (5, PAYROLL, "read back"): (-m, -1),
        (5, PAYROLL, "gone by hand there"): (m, 1),
    },
}


@pytest.mark.parametrize(("place", "verb"), enumerate(PAY_HANDS, start=2))
def test_what_a_hand_does_in_payroll_is_named_and_nothing_is_unexplained(settled: Job, place: int, verb: str) -> None:
    before = settled.statement()
    sheet = settled.rows(
        "select settled_vendor_id as uuid, settled_minutes as minutes from delivery.chain"
        " where sync = 'payroll_hours' and mod(settled_minutes, 15) = 0 order by chain_key desc offset %s limit 1",
        place,
    )[0]
    settled.firm.change(verb, uuid=sheet["uuid"], **({"hours": "0.25"} if "change" in verb else {}))
    settled.read("gusto")
    after = settled.statement()
    assert found(before, after) == PAY_HANDS[verb](sheet["minutes"])
    assert after.exit_code == 3
    assert settled_plans_nothing(settled)


def settled_plans_nothing(job: Job) -> bool:
    """What a person did there is theirs: a night neither repeats nor undoes it."""
    from flows import jobs

    return [planned.intents for planned in jobs.plan_all(job.settings, keep=False)] == [0, 0, 0]


def found(before: Any, after: Any, period: Any = None) -> Moves:
    """The moves by line, name and bucket; all of them in one place."""
    moves = moved(before, after)
    assert len({key[4] for key in moves if key[4] is not None}) <= 1, moves
    assert period is None or {key[4] for key in moves} == {period}
    sums: Moves = {}
    for key, (minutes, rows) in moves.items():
        short = (key[0], key[1], key[6])
        assert sums.get(short, (minutes, rows)) == (minutes, rows), f"{short} moves by two measures: {moves}"
        sums[short] = (minutes, rows)
    return sums
