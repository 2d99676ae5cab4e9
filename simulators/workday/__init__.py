"""Workday: the firm's workers, as sheet section C3 describes the interfaces.

Simulated, with the part of the sheet it stands on:
- a custom report as a service (C3.1): `format=json`, everything text, an empty value a missing key, `?xsds`, the prompt
  `Updated_From`; Basic or Bearer (C3.2);
- SOAP Human_Resources: WSDL, WS-Security UsernameToken `user@tenant` with PasswordText (C3.2), Get_Workers with
  references, pages and As_Of_Entry_DateTime (C3.3); faults at HTTP 500, told apart by faultcode (C3.9);
- effective dating: a termination of a later day is entered now, a rescinded worker vanishes without a trace (C3.4).

Where the sheet is silent, and a choice had to be made: the report's refusals (401, 403, 404 and 400 with an `error`),
an unknown prompt is refused, `Updated_From` includes its own instant, what Worker_Data holds, 100 workers a page.

Off unless named by `--unconfirmed`: `workday_calls_a_second` (429 after ten calls in a second).

Not simulated: the OAuth token endpoint and REST (from memory in the sheet), the transaction log criteria, effective
dates other than today, payroll input, time blocks and clock events (C3.5), XML and CSV reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.workday.app import REPORT, Workday
from simulators.workday.user import OWNER, TENANT, derived

if TYPE_CHECKING:
    from simulators.firm.model import World
    from simulators.kit import AppOptions, KitApp

TLS = False


def app(world: World, options: AppOptions) -> KitApp:
    """The tenant as an ASGI app."""
    return Workday(world, options).kit


def describe(_world: World, options: AppOptions) -> dict[str, Any]:
    """How to connect."""
    return {
        "base_url": options.origin,
        "options": {"tenant": TENANT, "report_owner": OWNER, "report": REPORT},
        "secrets": {"username": OWNER, "password": derived(options.seed, "password")},
    }
