"""Gusto: the payroll account of the firm's US entity, as sheet section C1 describes the API.

Simulated, with the part of the sheet it stands on:
- `X-Gusto-API-Version`: 2025-06-15 and 2026-06-15 are served, another is 406, none is the minimum version (C1.1);
- refresh with a rotating refresh token (the old one ends with the first use of the new access token), tokens that end,
  one company and its scopes per token (C1.2);
- lists as bare arrays with `X-Page`, `X-Per-Page`, `X-Total-Count`, `X-Total-Pages`; 25 a page, at most 100 (C1.3);
- employees, pay schedules, pay periods, earning types, payrolls with their narrow defaults (C1.3);
- time sheets: create, list, read, update and delete by version; deleted ones disappear (C1.3 to C1.5);
- payroll syncs: 202, then pending, in_progress, success | failure | partial_success; approved sheets only (C1.5);
- payroll inputs: prepare before PUT, absolute values, 100 a call (C1.5);
- 200 calls in 60 seconds a grant: 429, `Retry-After`, `X-RateLimit-*` (C1.7); the error envelope and its cases (C1.9).

Where the sheet is silent, and a choice had to be made: `per` over 100 is cut to 100; lists sort ascending unless told;
`before` and `after` are exclusive; `start_date` and `end_date` of payrolls enclose the whole pay period, those of pay
periods touch it; unknown parameters and attributes are refused; a sync counts a changed or deleted sheet that it had
carried over as something to sync; a sync and an approval are writes, so they move `version` and `updated_at`.
From memory in the sheet: the two hours of an access token. The bodies of 401 and 429 are unconfirmed.

Off unless named by `--unconfirmed`:
- `gusto_sheet_in_processed_period_refused`: a sheet dated in a processed period is refused as a frozen payroll is;
- `gusto_sync_stamp_survives_change`: a changed sheet keeps `synced_to_payroll_at` of its earlier version;
- `gusto_version_2024_04_01`: the version that was to be shut off in June 2026 is still served.

Not simulated: the authorization code grant, webhooks, contractors, off-cycle and external payrolls, calculation and
submission by API, time off, deductions, the 409 of parallel writers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.gusto.app import MINIMUM_VERSION, Gusto
from simulators.gusto.company import Company
from simulators.gusto.tokens import derived

if TYPE_CHECKING:
    from simulators.firm.model import World
    from simulators.kit import AppOptions, KitApp

TLS = False


def app(world: World, options: AppOptions) -> KitApp:
    """The account as an ASGI app."""
    return Gusto(world, options).kit


def describe(world: World, options: AppOptions) -> dict[str, Any]:
    """How to connect."""
    names = ("access_token", "refresh_token", "client_id", "client_secret")
    return {
        "base_url": options.origin,
        "options": {"company_uuid": Company(world).uuid, "api_version": MINIMUM_VERSION, "shift_start_hour": 9},
        "secrets": {name: derived(options.seed, name) for name in names},
    }
