"""Which rows a door looks at, as SQL that both engines read.

The identifiers come from the configuration and are checked and quoted here; nothing else is put into SQL text.
"""

from __future__ import annotations

import re

from plumbing.errors import Misconfigured

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,40}")


def batch_sql(batch: str, *, connection: str = "", plan_id: int = 0) -> str:
    """The select of a batch: `loads` and `raw.<resource>` of a connection, `intents` of a plan that are about to depart.

    Raises:
        Misconfigured: the connection's name can't stand in a schema's name.
    """
    if batch == "intents":
        return f"select * from delivery.intent where plan_id = {int(plan_id)} and state = 'planned'"  # noqa: S608 - a number
    _check(connection)
    newest = (
        "select * from ("  # noqa: S608 - the names passed the check
        "select *, first_value(run_id) over (partition by resource order by read_started_at desc, load_id desc) as last_run_id "
        f"from landing.load where connection = '{connection}') as load where run_id = last_run_id"
    )
    if batch == "loads":
        return newest
    resource = batch.removeprefix("raw.")
    _check(resource)
    return (
        f'select version, source_id, is_deleted, record from "raw_{connection}"."{resource}" '  # noqa: S608
        f"where load_id in (select load_id from ({newest}) as newest where resource = '{resource}')"
    )


def _check(name: str) -> None:
    if not IDENTIFIER.fullmatch(name):
        raise Misconfigured(
            f"The name {name!r} can't be part of a schema's name.",
            remedy="Use lower-case letters, digits and underscores, beginning with a letter.",
        )
