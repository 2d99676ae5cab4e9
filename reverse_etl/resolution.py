"""What to do with an intent whose answer was lost, once it has been looked up: one pure table.

The promise: nothing is sent again before a look, a quiet period in which a delayed request may still arrive, and a second
look. Where a vendor has neither key nor look-up, a person decides.
"""

from __future__ import annotations

from typing import Literal

from reverse_etl.writer import Capabilities, Operation

Seen = Literal["absent", "target", "previous", "other", "not_looked"]
Action = Literal["settle", "wait", "send", "conflict", "unknown"]


def resolve(operation: Operation, seen: Seen, *, is_quiet: bool, is_second_look: bool, can: Capabilities) -> Action:
    """The action for one doubtful intent.

    Args:
        seen: what the look-up found: nothing, what we meant to write, what was in effect before, or something else;
            ``not_looked`` where the vendor has no look-up.
        is_quiet: client time-out, the vendor's processing limit and its visibility lag have all passed.
        is_second_look: it was looked up before.
    """
    if seen == "not_looked":
        # An upsert by our own key is one record however often it arrives.
        if not can.has_key:
            return "unknown"
        return "send" if is_quiet else "wait"
    if seen == "target":
        return "wait" if operation is Operation.DELETE else "settle"
    if seen == "other":
        return "conflict"
    if seen == "absent" and operation is Operation.DELETE:
        return "settle"
    if seen == "previous" and operation.makes_a_row:  # under a key that nothing was written with before
        return "conflict"
    return "send" if is_quiet and is_second_look else "wait"
