"""The grant of the demo's integration: an access token that ends, a refresh token that rotates (sheet C1.2).

By the vendor's own client library, a used refresh token stays good until the access token it gave is first used, so a
client that lost the answer can ask again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SCOPES = frozenset(
    {
        "employees:read",
        "pay_schedules:read",
        "payrolls:read",
        "payrolls:write",
        "company_earning_types:read",
        "time_sheet:read",
        "time_sheet:write",
        "payroll_syncs:read",
        "payroll_syncs:write",
    }
)


class GrantRefused(Exception):  # noqa: N818 - the protocol's own word
    """The token request is not accepted; `error` is OAuth's code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def derived(seed: int, name: str) -> str:
    """A secret of the demo's application, made from the firm's seed."""
    return hashlib.blake2b(f"{seed} gusto {name}".encode(), digest_size=24).hexdigest()


@dataclass
class Tokens:
    """One grant for one company. Lifetimes are real time, as the client lives in it."""

    seed: int
    wall: Callable[[], float]
    token_seconds: float = 7200.0
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    _expires: dict[str, float] = field(default_factory=dict)
    _refresh: set[str] = field(default_factory=set)
    _used_up_by: dict[str, str] = field(default_factory=dict)  # access token -> refresh token that it replaces
    _turn: int = 0

    def __post_init__(self) -> None:
        self._refresh.add(derived(self.seed, "refresh_token"))
        self._expires[derived(self.seed, "access_token")] = self.wall() + self.token_seconds

    @property
    def client_id(self) -> str:
        return derived(self.seed, "client_id")

    @property
    def client_secret(self) -> str:
        return derived(self.seed, "client_secret")

    def is_good(self, token: str) -> bool:
        return self._expires.get(token, 0.0) > self.wall()

    def use(self, token: str) -> bool:
        """Whether the token is good; its first use revokes the refresh token it came from."""
        if not self.is_good(token):
            return False
        self._refresh.discard(self._used_up_by.pop(token, ""))
        return True

    def end_all(self) -> int:
        ended = len(self._expires)
        self._expires.clear()
        return ended

    def refresh(self, given: dict[str, str]) -> dict[str, object]:
        """A new pair for a refresh token.

        Raises:
            GrantRefused: another grant, a wrong client, or a refresh token that is unknown or used up.
        """
        if given.get("grant_type") != "refresh_token":
            raise GrantRefused("unsupported_grant_type")
        if (given.get("client_id"), given.get("client_secret")) != (self.client_id, self.client_secret):
            raise GrantRefused("invalid_client")
        old = given.get("refresh_token", "")
        if old not in self._refresh:
            raise GrantRefused("invalid_grant")
        self._turn += 1
        access = derived(self.seed, f"access_token {self._turn}")
        refresh = derived(self.seed, f"refresh_token {self._turn}")
        self._refresh.add(refresh)
        self._used_up_by[access] = old
        self._expires[access] = self.wall() + self.token_seconds
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": int(self.token_seconds),
            "refresh_token": refresh,
            "created_at": str(int(self.wall())),
            "scope": " ".join(sorted(self.scopes)),
        }
