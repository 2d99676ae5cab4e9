"""One call of a worker, from its asked row to its answered one: plain values that threads hand to each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from reverse_etl.ledger import Answer, Claim

if TYPE_CHECKING:
    from plumbing.http import Exchange
    from reverse_etl.resolution import Seen
    from reverse_etl.writer import Outcome, Writer

Kind = Literal["send", "find"]

LEASE_FACTOR = 1.5
LEASE_MARGIN_SECONDS = 30.0


@dataclass(frozen=True)
class Timing:
    """Seconds. ``quiet_seconds`` count from the moment when no request of ours can be under way any more."""

    lease_seconds: float
    call_seconds: float
    quiet_seconds: float

    @classmethod
    def of(cls, writer: Writer) -> Timing:
        """What a writer's time-outs and capabilities ask for."""
        call = writer.timeout_seconds
        can = writer.capabilities
        return cls(call * LEASE_FACTOR + LEASE_MARGIN_SECONDS, call, can.processing_seconds + can.visibility_seconds)


@dataclass(slots=True)
class Call:
    """One call to be made, under way or done.

    Attributes:
        deadline: when its lease ends, on this process's monotonic clock and never later than the database's.
        is_split: it was refused as a whole and goes out again in halves.
        crash: a defect of ours that ended it.
    """

    call_id: int
    kind: Kind
    claims: list[Claim]
    deadline: float
    exchanges: list[Exchange]
    outcomes: list[Outcome] | None = None
    found: Seen | None = None
    seconds: float = 0.0
    is_split: bool = False
    crash: Exception | None = None

    @property
    def size(self) -> int:
        """Intents in it."""
        return len(self.claims)


def batches(claims: Sequence[Claim], size: int) -> Iterable[list[Claim]]:
    """Claims of one operation, at most ``size`` together."""
    for _, group in groupby(claims, key=lambda claim: claim.record.operation):
        listed = list(group)
        for start in range(0, len(listed), size):
            yield listed[start : start + size]


def answer_of(call: Call) -> Answer:
    """What the ledger keeps of a call that is done."""
    outcomes = call.outcomes or []
    first = outcomes[0] if outcomes else None
    last = call.exchanges[-1] if call.exchanges else None
    return Answer(
        call_id=call.call_id,
        operation=call.claims[0].record.operation.value,
        intent_count=call.size,
        outcome=_said(call),
        latency_ms=round(call.seconds * 1000, 3),
        status=last.status if last else None,
        vendor_request_id=last.request_id if last else None,
        vendor_job_ref=first.job_ref if first else None,
        http_calls=[told(exchange) for exchange in call.exchanges],
        message=first.message if first else None,
    )


def _said(call: Call) -> str:
    if call.is_split:
        return "split"
    results = {outcome.result for outcome in call.outcomes or ()}
    return "mixed" if len(results) > 1 else next((result.value for result in results), "nothing")


def told(exchange: Exchange) -> dict[str, Any]:
    """An exchange for the ledger: the path without its query, which may carry what people typed."""
    return {
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "ms": round(exchange.elapsed * 1000, 3),
        "request_id": exchange.request_id,
        **({"call": exchange.label} if exchange.label else {}),
    }
