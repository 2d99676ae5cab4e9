"""Who decided and why: what is kept of every word that a person says about an intent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from plumbing.canonical import dumps
from plumbing.errors import Misconfigured

# Names under which the product itself acts; none of them is a person.
OURSELVES = frozenset(
    {"plan", "push", "follow up", "adopt", "replay", "departure door", "nightly", "deliver", "hourline", "unknown"}
)


def person(actor: str) -> str:
    """The name of a person, as it is kept.

    Raises:
        Misconfigured: it is empty, or one that the product itself acts under.
    """
    name = actor.strip()
    if not name or name.lower() in OURSELVES:
        raise Misconfigured(f"{actor!r} is no person's name.", remedy="Say who decides: --who NAME.")
    return name


def reason(why: str) -> str:
    """The reason, as it is kept.

    Raises:
        Misconfigured: it is empty.
    """
    if not why.strip():
        raise Misconfigured("A decision needs a reason.", remedy='Say why: --why "…"; it is kept with the decision.')
    return why.strip()


def tell(
    connection: sa.Connection, actor: str, verb: str, intent_ids: Sequence[int], detail: Mapping[str, Any]
) -> None:
    """Append an event to each intent's story."""
    connection.execute(
        sa.text(
            "insert into delivery.event (actor, verb, subject, detail)"
            " select :actor, :verb, 'intent:' || intent_id, cast(:detail as jsonb)"
            " from unnest(cast(:ids as bigint[])) intent_id"
        ),
        {"actor": actor, "verb": verb, "ids": list(intent_ids), "detail": dumps(dict(detail)).decode()},
    )
