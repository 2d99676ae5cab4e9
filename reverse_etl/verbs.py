"""What people and doors say about intents: hold rows, hold a batch, approve it, replay what was corrected.

Each verb changes open intents only, never what was sent, and leaves an event with who and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing.errors import Misconfigured
from reverse_etl import destinations, policy, statements
from reverse_etl.syncs import SYNCS, named

if TYPE_CHECKING:
    from datetime import date, datetime

    from plumbing.settings import Settings


BATCH_HELD = "batch held"


def hold_rows(
    settings: Settings, intent_ids: Sequence[int], rule: str, *, owner: str | None = None, actor: str = "departure door"
) -> int:
    """Hold planned intents under a rule's name, each with its exception; what is already out stays as it is.

    Returns:
        How many are held now; an intent that was sent or superseded meanwhile isn't.
    """
    return _hold(
        settings,
        "i.intent_id = any(cast(:ids as bigint[]))",
        {"ids": list(intent_ids)},
        rule,
        owner,
        actor,
        f"Held by {actor}: {rule}.",
    )


def hold_batch(
    settings: Settings, plan_id: int, message: str, *, owner: str | None = None, actor: str = "departure door"
) -> int:
    """Hold whatever a plan has planned and not yet sent; `approve` lets it go."""
    return _hold(
        settings, "i.plan_id = :plan_id", {"plan_id": plan_id}, BATCH_HELD, owner, actor, message, batch=plan_id
    )


def approve(settings: Settings, plan_id: int, *, actor: str, why: str) -> int:
    """Let a plan go that asked first (a mass change) or whose batch a door holds; rows held by name stay held.

    Raises:
        Misconfigured: there is no such plan, or it isn't waiting for anybody.
    """
    engine = destinations.engine(settings, "operate")
    sql = statements.named("people")
    try:
        with engine.begin() as connection:
            found = connection.execute(
                sa.text("select batch_state, message from delivery.plan where plan_id = :id for update"),
                {"id": plan_id},
            ).first()
            if found is None or found.batch_state not in {"needs_approval", "held"}:
                state = "does not exist" if found is None else f"is {found.batch_state} and waits for nobody"
                raise Misconfigured(f"Plan {plan_id} {state}.", remedy="`hourline plan` shows the plans that ask.")
            ids: list[int] = list(connection.execute(sa.text(sql["release_batch"]), {"plan_id": plan_id}).scalars())
            connection.execute(sa.text(sql["close_for_release"]), {"ids": ids, "actor": actor, "why": why})
            connection.execute(
                sa.text("update delivery.plan set batch_state = 'approved' where plan_id = :id"), {"id": plan_id}
            )
            _tell(connection, actor, "approved", [f"plan:{plan_id}", *(f"intent:{one}" for one in ids)], {"why": why})
            return len(ids)
    finally:
        engine.dispose()


def replay(
    settings: Settings,
    *,
    intent_ids: Sequence[int] | None = None,
    exception_ids: Sequence[int] | None = None,
    cause: str | None = None,
    sync: str | None = None,
    period: date | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: str,
    why: str,
) -> int:
    """Put refused intents, dead letters and rows held by a door back to planned; the next push sends them.

    At least one of the choices must be made; several narrow each other. A hold that a rule of the sync view keeps isn't
    replayed: it goes by itself when the cause is mended and the sync planned again. What the destination had taken before it
    refused it is followed up again instead of sent. One statement, however many rows.

    Args:
        cause: a cause's key, or the words of a cause.
        since, until: when the exceptions were opened, the end left out.

    Returns:
        How many were put back.

    Raises:
        Misconfigured: nothing was chosen, no reason was given, or a time has no zone.
    """
    chosen: dict[str, Any] = {
        "intent_ids": None if intent_ids is None else list(intent_ids),
        "exception_ids": None if exception_ids is None else list(exception_ids),
        "cause": cause,
        "sync": sync,
        "period": period,
        "since": since,
        "until": until,
    }
    if all(value is None for value in chosen.values()):
        raise Misconfigured(
            "A replay needs a choice.", remedy="Name exceptions, intents, a cause, a sync, a period or a range of time."
        )
    if not why.strip():
        raise Misconfigured("A replay needs a reason.", remedy="Say what was corrected; it is kept with the replay.")
    if any(moment is not None and moment.tzinfo is None for moment in (since, until)):
        raise Misconfigured("A time without its zone is no time.", remedy="Write it with its offset, like 06:00+00:00.")
    if sync is not None:
        named(sync)
    engine = destinations.engine(settings, "operate")
    try:
        with engine.begin() as connection:
            sql = statements.named("people")["replay"]
            return int(connection.execute(sa.text(sql), {**chosen, "actor": actor, "why": why}).scalar_one())
    finally:
        engine.dispose()


def _hold(
    settings: Settings,
    condition: str,
    bound: dict[str, Any],
    reason: str,
    owner: str | None,
    actor: str,
    message: str,
    *,
    batch: int | None = None,
) -> int:
    engine = destinations.engine(settings, "operate")
    sql = statements.named("people")
    try:
        with engine.begin() as connection:
            owners = {
                name: policy.load(connection, sync).owners.get(reason, sync.default_owner)
                for name, sync in SYNCS.items()
            }
            held: list[int] = list(
                connection.execute(
                    sa.text(sql["hold"].replace("{condition}", condition)),
                    {**bound, "reason": reason, "owner": owner, "owners": _json(owners)},
                ).scalars()
            )
            connection.execute(sa.text(sql["open_for_hold"]), {"ids": held, "message": message})
            subjects = [f"intent:{one}" for one in held]
            if batch is not None:
                connection.execute(
                    sa.text("update delivery.plan set batch_state = 'held', message = :message where plan_id = :id"),
                    {"id": batch, "message": message},
                )
                subjects.append(f"plan:{batch}")
            _tell(connection, actor, "held", subjects, {"reason": reason, "why": message})
            return len(held)
    finally:
        engine.dispose()


def _json(value: Any) -> str:
    from plumbing.canonical import dumps

    return dumps(value).decode()


def _tell(connection: sa.Connection, actor: str, verb: str, subjects: Sequence[str], detail: dict[str, Any]) -> None:
    connection.execute(
        sa.text(
            "insert into delivery.event (actor, verb, subject, detail)"
            " select :actor, :verb, subject, cast(:detail as jsonb) from unnest(cast(:subjects as text[])) subject"
        ),
        {"actor": actor, "verb": verb, "subjects": list(subjects), "detail": _json(detail)},
    )
