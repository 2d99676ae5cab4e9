"""What the demo mends: the cause in the exception queue that keeps most hours and can be mended in the simulated firm.

A real cause is mended by its owner, in the system where it arose; here a verb of the simulated firm does that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flows import jobs, queue
from flows.narration import narrate
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from plumbing.settings import Settings
    from reverse_etl import Cause

# word in the cause -> the verb that mends it, where it arises, what a person would do
MENDS: tuple[tuple[str, str, str, str], ...] = (
    ("work type", "create_item", "netsuite", "the ERP got the service item it lacked"),
    ("phase", "open_phase", "netsuite", "the phase was opened again in the ERP"),
    ("project closed", "open_project", "netsuite", "the project was opened again in the ERP"),
    ("employee", "add_employee", "netsuite", "the ERP got the employee it lacked"),
    ("rate", "fill_price_gap", "salesforce", "the missing price was entered in the CRM"),
)


@dataclass(frozen=True)
class Remedy:
    """A cause, and how it is mended."""

    cause: str
    sync: str
    category: str
    rows: int
    verb: str
    system: str
    words: str
    arguments: dict[str, Any] = field(default_factory=dict)


def choose(settings: Settings) -> Remedy | None:
    """The weightiest kind of cause that one of `MENDS` fits, over all its subjects; None when the queue holds none."""
    kinds: dict[tuple[str, str, str], list[Cause]] = defaultdict(list)
    for one in queue.causes(settings):
        kinds[one.sync, one.category, one.cause].append(one)
    weighty = sorted(kinds.items(), key=lambda kind: (-sum(one.minutes for one in kind[1]), kind[0]))
    for (sync, category, cause), found in weighty:
        for word, verb, system, words in MENDS:
            if word in cause.lower():
                rows = sum(one.exceptions for one in found)
                return Remedy(cause, sync, category, rows, verb, system, words)
    return None


def apply(settings: Settings, remedy: Remedy) -> int:
    """Reads what was mended and sends what waited for it: refused rows by replay, held ones by a new plan.

    Returns:
        How many rows of that cause are open no longer.
    """
    narrate(f"  {remedy.words}")
    jobs.land(settings, remedy.system)
    if remedy.category != "held":
        queue.replay(settings, cause=remedy.cause, sync=remedy.sync, who="demo", why=remedy.words)
    delivery = jobs.deliver(settings, remedy.sync)
    for pushed in delivery.pushes:
        jobs.land(settings, pushed.destination)
    left = sum(one.exceptions for one in queue.causes(settings, sync=remedy.sync, cause=remedy.cause))
    narrate(f"  {remedy.rows - left:,} of {remedy.rows:,} went through")
    return remedy.rows - left


def worth_tracing(settings: Settings) -> str | None:
    """The time entry with the longest story in the ledger, amended or refused ones first."""
    with Warehouse.open(settings).connect("operate") as connection:
        row = connection.execute(
            "select i.source_id from delivery.intent i left join delivery.attempt a using (intent_id)"
            " where i.sync = 'erp_labor' and not i.is_adopted"
            " group by i.source_id order by count(distinct i.intent_id) desc, count(a.attempt_id) desc, i.source_id limit 1"
        ).fetchone()
    return str(row[0]) if row else None
