"""Kantata's refusals: `{"errors": [{"type", "message", "field"}]}` (sheet B1.9). Wording is this simulator's own, but for
the 401 message; type, field and status are the sheet's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.kit import answer

if TYPE_CHECKING:
    from starlette.responses import Response


class Refusal(Exception):  # noqa: N818 - an answer the vendor gives, not a fault of the simulator
    """An error answer with one error in it."""

    def __init__(self, status: int, kind: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message} | ({"field": field} if field else {})

    def response(self) -> Response:
        """The HTTP answer."""
        return answer({"errors": [self.error]}, self.status)


def invalid(field: str, message: str) -> Refusal:
    """422: a value that cannot be."""
    return Refusal(422, "validation", message, field)


def unauthorized() -> Refusal:
    """401: no token, an unknown one, or a revoked one. There is no refresh."""
    return Refusal(401, "oauth", "Invalid OAuth 2 Request")


def forbidden(message: str) -> Refusal:
    """403: no right, or an add-on that the account has not bought."""
    return Refusal(403, "system", message)


def not_found(what: str = "The requested resource") -> Refusal:
    """404."""
    return Refusal(404, "system", f"{what} was not found")


def slow_down() -> Refusal:
    """429, with no header that says how long."""
    return Refusal(429, "system", "slow down")
