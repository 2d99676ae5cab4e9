"""What the verbs give back: counts, hours and money, as text for people and as plain values for ``--json``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reverse_etl.decisions import PROPOSAL_REASONS

if TYPE_CHECKING:
    from reverse_etl.forecast import Forecast

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_SIGNS = (
    ("+", "create"),
    ("~", "amend"),
    ("-", "delete"),
    ("-", "reverse"),
    ("±", "adjust"),
    ("?", "propose"),
    ("‖", "hold"),
)
_CENT = Decimal("0.01")
MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class PlanTotal:
    """One line of a plan: intents of one operation and state at one destination, entity, period and currency.

    ``minutes`` and ``amount`` are signed, against what is in effect; ``amount`` is None where no money is involved.
    """

    operation: str
    state: str
    reason: str | None
    destination: str | None
    legal_entity: str | None
    period: date | None
    currency: str | None
    intents: int
    minutes: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True)
class PlanReport:
    """What a plan would do, or did.

    Attributes:
        plan_id: None for a dry run, and for a keyed plan that found nothing to do.
        batch_state: ``ready``, ``needs_approval`` (a mass change: approve it), ``stopped`` (nothing was planned).
        message: the sentence that goes with the last two.
        alarms: chains in effect whose row is missing.
        forecasts: how long each destination's backlog takes, and what will miss its cut-off.
    """

    sync: str
    plan_id: int | None
    dry_run: bool
    batch_state: str
    message: str | None
    totals: tuple[PlanTotal, ...]
    alarms: int = 0
    forecasts: tuple[Forecast, ...] = ()

    @property
    def intents(self) -> int:
        """How many intents it wrote, or would write."""
        return sum(total.intents for total in self.totals)

    @property
    def is_empty(self) -> bool:
        """Nothing to do and nothing to tell."""
        return not self.totals and not self.alarms and self.message is None

    def numbered(self, plan_id: int) -> PlanReport:
        """The same, with the number under which it was kept."""
        return replace(self, plan_id=plan_id)

    def count(self, operation: str, state: str = "planned") -> int:
        """Intents of one operation and state."""
        return sum(t.intents for t in self.totals if (t.operation, t.state) == (operation, state))

    @property
    def held(self) -> int:
        """Intents that are held."""
        return sum(t.intents for t in self.totals if t.state == "held")

    def text(self) -> str:
        """The plan as people know it: a line per destination, with hours and money per entity and period below."""
        lines = []
        for destination in sorted({t.destination or "" for t in self.totals}):
            chosen = [t for t in self.totals if (t.destination or "") == destination]
            lines.append(
                f"{_counts(chosen)}   {_money_of(chosen)} → {destination or 'no destination'}".replace("    →", "   →")
            )
            foreseen = [one for one in self.forecasts if one.destination == destination]
            lines.extend(f"    {one.sentence()}" for one in foreseen)
            lines.extend(warning for one in foreseen for warning in one.warnings())
            lines.extend(_breakdown(chosen))
            lines.extend(_holds(chosen))
        if not lines and self.message is None:
            lines.append("Nothing to do: what is in effect is what is desired.")
        if self.alarms:
            lines.append(
                f"! {self.alarms} in effect without a row in the sync view: integrity alarm, nothing taken back"
            )
        if self.message:
            lines.append(self.message)
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain values; numbers as text."""
        return {**plain(asdict(self)), "intents": self.intents, "held": self.held}


@dataclass
class PushReport:
    """What became of the intents that a push touched; ``waiting``: due later (backing off, in a quiet period, waiting for another)."""

    sync: str
    destination: str
    dry_run: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    waiting: int = 0
    next_at: datetime | None = None
    stopped: str | None = None

    def add(self, outcome: str, number: int = 1) -> None:
        """Count an outcome."""
        self.counts[outcome] = self.counts.get(outcome, 0) + number

    def text(self) -> str:
        """One line, and the sentence that stopped it, if one did."""
        told = [f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(self.counts.items()) if number]
        line = f"{self.sync} → {self.destination}: {', '.join(told) or 'nothing to send'}"
        if self.waiting:
            when = f", next at {self.next_at:%H:%M:%S} UTC" if self.next_at else ""
            line += f"; {self.waiting:,} waiting{when}"
        return f"{line}\n{self.stopped}" if self.stopped else line

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(plain(asdict(replace(self, counts=dict(self.counts)))))  # asdict can't copy a defaultdict


def money(amount: Decimal, currency: str | None) -> str:
    """``$48,210.50``, ``CHF 1,000.00``; the sign stands in front."""
    sign = "-" if amount < 0 else ""
    symbol = _SYMBOLS.get(currency or "", f"{currency} " if currency else "")
    return f"{sign}{symbol}{abs(amount).quantize(_CENT):,}"


def hours(minutes: Decimal | None) -> str:
    """``1,204.50 h``."""
    return f"{(minutes or Decimal(0)) / MINUTES_PER_HOUR:,.2f} h"


def plain(value: Any) -> Any:
    """Only what JSON knows; numbers that must stay exact as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)


def _counts(totals: Iterable[PlanTotal]) -> str:
    counted: dict[str, int] = defaultdict(int)
    for total in totals:
        name = total.operation
        if total.state == "held":
            # a proposal is counted once, by what it would take back or adjust
            name = "hold" if total.reason not in PROPOSAL_REASONS else "" if name == "create" else "propose"
        counted[name] += total.intents
    told = [f"{sign} {counted[name]:,} {name}" for sign, name in _SIGNS if counted[name]]
    return "  ".join(told)


def _money_of(totals: Iterable[PlanTotal]) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for total in totals:
        if total.state == "planned" and total.amount is not None:
            sums[total.currency or ""] += total.amount
    return "  ".join(money(amount, currency) for currency, amount in sorted(sums.items()))


def _breakdown(totals: list[PlanTotal]) -> list[str]:
    sums: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for total in totals:
        if total.state != "planned":
            continue
        period = f"{total.period:%Y-%m}" if total.period else "no period"
        line = sums[(total.legal_entity or "unassigned", period, total.currency or "")]
        line[0] += total.minutes or 0
        line[1] += total.amount or 0
    return [
        f"    {entity:<12} {period}  {hours(minutes):>14}" + (f"  {money(amount, currency):>16}" if currency else "")
        for (entity, period, currency), (minutes, amount) in sorted(sums.items())
    ]


def _holds(totals: list[PlanTotal]) -> list[str]:
    sums: dict[str, list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for total in totals:
        if total.state == "held":
            line = sums[total.reason or "held"]
            line[0] += 0 if total.reason in PROPOSAL_REASONS and total.operation == "create" else total.intents
            line[1] += total.minutes or 0
    return [
        f"    ? {count:,} proposed: {reason} ({hours(minutes)})"
        if reason in PROPOSAL_REASONS
        else f"    ‖ {count:,} held: {reason} ({hours(minutes)})"
        for reason, (count, minutes) in sorted(sums.items())
    ]
