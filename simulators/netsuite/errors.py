"""NetSuite's refusals: one exception, rendered in the shape of sheet A8.

`Refusal` carries everything the answer needs, so that any depth of the simulator can raise it. Texts in quotes in the
sheet are repeated to the letter; the others are this simulator's wording (the sheet gives none).
"""

from typing import Any

import orjson
from starlette.responses import Response

ERROR_CONTENT_TYPE = "application/vnd.oracle.resource+json; type=error"
_SECTIONS = {400: "15.5.1", 401: "15.5.2", 403: "15.5.4", 404: "15.5.5", 405: "15.5.6", 415: "15.5.16", 429: "15.5.1"}
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    415: "Unsupported Media Type",
    429: "Bad Request",  # sheet A8: a refused burst is titled like a bad request
    500: "Internal Server Error",
}
PREFIX = "Error while accessing a resource."


class Refusal(Exception):  # noqa: N818 - an answer the vendor gives, not a fault of the simulator
    """An error answer: status, NetSuite's code, the detail text, and where it points."""

    def __init__(
        self, status: int, code: str, detail: str, headers: dict[str, str] | None = None, /, **where: str
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.where = where
        self.headers = headers or {}
        self.title = _TITLES.get(status, "Error")
        self.section = _SECTIONS.get(status, "15.6.1")

    def body(self) -> dict[str, Any]:
        """The JSON body; `where` holds any of path, query_param, header, url."""
        names = {
            "path": "o:errorPath",
            "query_param": "o:errorQueryParam",
            "header": "o:errorHeader",
            "url": "o:errorUrl",
        }
        entry = {"detail": self.detail, "o:errorCode": self.code}
        entry.update({names[key]: value for key, value in self.where.items()})
        return {
            "type": f"https://www.rfc-editor.org/rfc/rfc9110.html#section-{self.section}",
            "title": self.title,
            "status": self.status,
            "o:errorDetails": [entry],
        }

    def response(self) -> Response:
        """The HTTP answer."""
        return Response(orjson.dumps(self.body()), self.status, headers=self.headers, media_type=ERROR_CONTENT_TYPE)


def invalid_parameter(detail: str, **where: str) -> Refusal:
    """A query, paging or date literal NetSuite cannot take."""
    return Refusal(400, "INVALID_PARAMETER", detail, **where)


def invalid_value(field: str, value: object) -> Refusal:
    """A reference that does not exist or is not eligible (sheet A8, the text of S1)."""
    detail = f"{PREFIX} You have entered an Invalid Field Value {value} for the following field: {field}."
    return Refusal(400, "INVALID_CONTENT", detail, path=field)


def invalid_content(field: str, why: str) -> Refusal:
    """A value of the wrong type or form."""
    return Refusal(400, "INVALID_CONTENT", f"{PREFIX} {why}", path=field)


def nonexistent_field(field: str, record: str) -> Refusal:
    """An unknown property under strict name validation."""
    return Refusal(400, "NONEXISTENT_FIELD", f"{PREFIX} Unknown property {field} on {record}.", path=field)


def user_error(why: str, **where: str) -> Refusal:
    """A business rule: closed period, duplicate, billed row."""
    return Refusal(400, "USER_ERROR", f"{PREFIX} {why}", **where)


def closed_period() -> Refusal:
    """Sheet A8: the text of SOAP and UI sources."""
    return user_error(
        "The transaction date you specified is not within the date range of your accounting period.", path="tranDate"
    )


def duplicate() -> Refusal:
    """POST with an external id that is taken."""
    return user_error("This record already exists.")


def not_found(kind: str, key: str) -> Refusal:
    """An id in the URL that is not there."""
    return Refusal(
        404, "NONEXISTENT_ID", f"{PREFIX} Record does not exist: {kind} {key}. Provide a valid record instance ID."
    )


def invalid_login() -> Refusal:
    """Any failed sign-in; the reason stands in the login audit trail only."""
    return Refusal(
        401,
        "INVALID_LOGIN",
        "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI.",
    )


def too_many() -> Refusal:
    """Over the account's concurrency. No Retry-After (sheet A7)."""
    return Refusal(429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked.")


def same_idempotency_key(job: str) -> Refusal:
    """An async request sent again under a key that already has a job."""
    refusal = Refusal(
        400,
        "IDEMPOTENCY_ERROR",
        "A request with this idempotency key was already submitted.",
        {"Location": job},
    )
    refusal.title, refusal.section = "Conflict", "15.5.10"
    return refusal
