"""Verbs that change the firm. Its own are in `simulators.firm.day`; vendors register theirs."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Changes:
    """The verbs that `POST /_control/change` knows.

    A verb is a function with keyword arguments and a one-line docstring that returns a JSON object saying what it did
    (ids of what changed). A vendor registers in its `app(world, options)`:

        world.changes.register("erp_invoice", invoice_hours)

    Verbs that vendors own, every argument optional:
    - NetSuite: `erp_invoice_draft(count)` puts unbilled billable rows on a draft invoice; `erp_invoice_post`,
      `erp_invoice_pay`, `erp_invoice_cancel` (`invoice_id`, else the oldest that fits); `erp_change_amount(row_id,
      rate)`, `erp_change_hours(row_id, minutes)`, `erp_delete_row(row_id)`: by hand, on any row of ours if no id is
      given; `erp_foreign_row(minutes)`: a row that somebody keyed in there.
    - Gusto: `approve_sheets(count)` (none: all pending), `gusto_delete_sheet(uuid)`.
    A verb that finds nothing to change returns an object with empty lists; it does not fail.
    """

    def __init__(self) -> None:
        self._verbs: dict[str, Callable[..., dict[str, Any]]] = {}

    def register(self, verb: str, function: Callable[..., dict[str, Any]]) -> None:
        """A second registration of the same verb replaces the first (an app made anew on the same firm)."""
        self._verbs[verb] = function

    def knows(self, verb: str) -> bool:
        return verb in self._verbs

    def describe(self) -> dict[str, str]:
        """Each verb with its arguments and first line of doc."""
        return {
            verb: f"{inspect.signature(function)}: {(inspect.getdoc(function) or '').splitlines()[0]}"
            for verb, function in sorted(self._verbs.items())
        }

    def perform(self, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Raises ValueError for an unknown verb or argument."""
        if verb not in self._verbs:
            raise ValueError(f"no change is called {verb!r}; there are {', '.join(sorted(self._verbs))}")
        function = self._verbs[verb]
        try:
            inspect.signature(function).bind(**arguments)
        except TypeError as error:
            raise ValueError(f"{verb}: {error}; it takes {inspect.signature(function)}") from error
        return function(**arguments)
