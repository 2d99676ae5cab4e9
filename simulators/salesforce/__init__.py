"""Salesforce: one org with the firm's customers, contracts and rates, as sheet section A describes the API.

Simulated, with the part of the sheet it stands on:
- sign-in by client credentials (HTTP Basic or form fields), JWT bearer RS256, refresh (A.2); a session ends after
  `session_seconds`, then 401 with an array and `INVALID_SESSION_ID`; TLS with the run's test CA (A.11);
- `query` and `queryAll` over SOQL (A.3, see `soql`), pages of 2,000, a path-only `nextRecordsUrl` that
  goes stale (A.11);
- `sobjects`, `describe`, `updated`, `deleted`, one record by id or external id, `limits` (A.3);
- upsert of one record (201, 200, 300) and Collections upsert with item results at HTTP 200 (A.5, A.6);
- `Sforce-Limit-Info` on every answer, 403 `REQUEST_LIMIT_EXCEEDED` (A.8); error bodies (A.9);
- soft deletes, merges that delete the loser and name its master, purged rows, rows committed late (A.4).

From memory in the sheet, and given only because some answer has to be: the bodies of `updated` and `deleted`, error
codes of single items (`DUPLICATE_VALUE`, `INVALID_CROSS_REFERENCE_KEY`, ...), `INVALID_QUERY_LOCATOR`.

Off unless named by `--unconfirmed`: `salesforce_token_extras` (issued_at, signature, scope in the token answer).

Not simulated: Bulk API 2.0 (A.7), Composite, create, update and delete by id, concurrency limits, change events (A.10),
formula fields, validation rules, locks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.salesforce.app import Salesforce
from simulators.salesforce.oauth import Sessions

if TYPE_CHECKING:
    from simulators.firm.model import World
    from simulators.kit import AppOptions, KitApp

TLS = True


def app(world: World, options: AppOptions) -> KitApp:
    """The org as an ASGI app."""
    return Salesforce(world, options).kit


def describe(world: World, options: AppOptions) -> dict[str, Any]:
    """How to connect."""
    sessions = Sessions(options.seed, world.clock.wall)
    return {
        "base_url": options.origin,
        "options": {"api_version": "67.0", "grant": "client_credentials"},
        "secrets": {"client_id": sessions.client_id, "client_secret": sessions.client_secret},
    }
