"""What the ERP already holds: last year's hours, keyed in there before we came, with no external id of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulators.firm.masters import stamp
from simulators.firm.model import ErpHistoryRow, TimeEntry
from simulators.firm.rates import RateBook
from simulators.firm.workmap import WorkMap

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from datetime import date

    from simulators.firm.ids import Ids
    from simulators.firm.model import World

# Shares of last year's hours: never keyed into the ERP; keyed with other minutes; keyed in the ERP alone.
MISSING_THERE, DIFFERS_THERE, ONLY_THERE = 0.01, 0.012, 0.006


def add_erp_history(world: World, ids: Ids, rng: random.Random, before: date) -> None:
    """One ERP row for each approved client hour before `before`, save for the few that don't match."""
    world.erp_history.save_many(_rows(world, ids, rng, before))
    if not world.erp_history.count("entry_id is null"):  # a small firm has its misfits too
        row = next(world.erp_history.iterate(order="netsuite_time_id", limit=1), None)
        if row is not None:
            row.minutes, row.entry_id = row.minutes + 30, None
            world.erp_history.save(row)


def _rows(world: World, ids: Ids, rng: random.Random, before: date) -> Iterator[ErpHistoryRow]:
    rates, work = RateBook(world), WorkMap(world)
    for entry in world.entries.iterate("work_date < ?", (before.isoformat(),), "entry_id"):
        row = _row(world, ids, rates, work, entry)
        if row is None:
            continue
        luck = rng.random()
        if luck < MISSING_THERE:
            continue
        if luck < MISSING_THERE + DIFFERS_THERE:
            row.minutes, row.entry_id = row.minutes + rng.choice((-15, 15, 30)), None
            if row.minutes <= 0:
                row.minutes += 60
        elif luck < MISSING_THERE + DIFFERS_THERE + ONLY_THERE:
            own = int(ids.number("time_bill", 30_000))
            yield replace(
                row, netsuite_time_id=own, minutes=row.minutes + 65, entry_id=None, memo="Keyed in by accounting"
            )
        yield row


def _row(world: World, ids: Ids, rates: RateBook, work: WorkMap, entry: TimeEntry) -> ErpHistoryRow | None:
    """The row that accounting keyed in for the entry; None where the hour was none of the ERP's business."""
    person, project = world.consultant_of_user(entry.user_id), world.project_of_workspace(entry.workspace_id)
    if person is None or project is None or project.kind != "client" or not entry.billable:
        return None
    item = work.item(entry, project)
    if person.netsuite_employee_id is None or person.hr_id is None or item is None or project.is_deleted:
        return None
    contract = world.contracts[project.contract_number or ""]
    phase = next(p for p in project.phases if p.kantata_story_id == str(entry.story_id))
    price = None
    if rates.is_hourly(contract):
        price = rates.price(contract, project, person, str(entry.role_id), entry.work_date)
        if price is None:
            return None
    keyed = stamp(entry.work_date, 20, entry.entry_id % 60)
    return ErpHistoryRow(
        netsuite_time_id=int(ids.number("time_bill", 30_000)),
        netsuite_employee_id=person.netsuite_employee_id,
        netsuite_customer_id=world.customers[project.customer_number or ""].netsuite_customer_id or "",
        netsuite_job_id=project.netsuite_job_id or "",
        netsuite_task_id=phase.netsuite_task_id,
        netsuite_item_id=item.netsuite_item_id,
        work_date=entry.work_date,
        minutes=entry.minutes,
        rate=price.rate if price else None,
        is_billable=price is not None,
        memo="",
        subsidiary_id=world.entities[person.entity].netsuite_subsidiary_id,
        created_at=keyed,
        modified_at=keyed,
        entry_id=entry.entry_id,
    )
