"""The org's HTTP surface: routes, sign-in, limits, error bodies."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.kit import AppOptions, Call, KitApp, Limit, Route, SlidingWindow, answer
from simulators.salesforce import verbs
from simulators.salesforce.oauth import GrantRefused, Sessions
from simulators.salesforce.objects import OBJECTS, SObject, describe
from simulators.salesforce.org import Org
from simulators.salesforce.queries import Cursors, LocatorGone
from simulators.salesforce.soql import SoqlError, instant, parse
from simulators.salesforce.store import Ambiguous, ItemError, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import QueryParams
    from starlette.responses import Response

    from simulators.firm.model import World

DAILY_CALLS = 100_000
LICENCE_CALLS = 50 * 1_000  # fifty Enterprise licences (A.8)
DAY_SECONDS = 86_400.0
VERSIONS = range(46, 68)  # Collections upsert exists since v46 (A.5); v67 is the current release (A.1)
COLLECTION_LIMIT = 200


def refusal(status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> Response:
    """REST errors are an array (A.9)."""
    body: dict[str, Any] = {"message": message, "errorCode": code}
    if fields:
        body["fields"] = list(fields)
    return answer([body], status)


class Salesforce:
    """One org on one firm."""

    def __init__(self, world: World, options: AppOptions) -> None:
        self.options = options
        self.org = Org(world)
        self.sessions = Sessions(options.seed, world.clock.wall)
        self.cursors = Cursors(world.clock.wall)
        self.daily = SlidingWindow("daily_api_requests", DAILY_CALLS + LICENCE_CALLS, DAY_SECONDS)
        self.kit = KitApp(
            "salesforce",
            world,
            options,
            routes=self._routes(),
            authenticate=self._authenticate,
            limits=[self.daily],
            limit_key=lambda call: "login" if call.path.startswith("/services/oauth2/") else "org",
            refuse=self._refuse,
            not_found=self._not_found,
            failed=lambda _call, _error: refusal(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred"),
            finish=self._finish,
            holdings=self._holdings,
        )
        verbs.register(world, self)

    def _routes(self) -> list[Route]:
        data = "/services/data/v{version}"
        return [
            Route("POST", "/services/oauth2/token", self._token, reads=True, open_to_all=True),
            *self._both("GET", f"{data}/query", self._query),
            *self._both("GET", f"{data}/queryAll", self._query_all),
            Route("GET", data + "/query/{locator}", self._query_more),
            Route("GET", data + "/queryAll/{locator}", self._query_more),
            *self._both("GET", f"{data}/limits", self._limits),
            *self._both("GET", f"{data}/sobjects", self._sobjects),
            *self._both("GET", data + "/sobjects/{object}/describe", self._describe),
            *self._both("GET", data + "/sobjects/{object}/updated", self._updated),
            *self._both("GET", data + "/sobjects/{object}/deleted", self._deleted),
            Route("PATCH", data + "/composite/sobjects/{object}/{key_field}", self._upsert_many),
            Route("GET", data + "/sobjects/{object}/{id}", self._get),
            Route("GET", data + "/sobjects/{object}/{key_field}/{key:path}", self._get_by_key),
            Route("PATCH", data + "/sobjects/{object}/{key_field}/{key:path}", self._upsert_one),
        ]

    def _both(self, methods: str, template: str, handler: Callable[[Call], Response]) -> list[Route]:
        """With and without the closing slash."""
        return [Route(methods, template, handler), Route(methods, template + "/", handler)]

    def _authenticate(self, call: Call) -> Response | None:
        token = call.bearer
        if not self.sessions.is_good(token) or self.kit.is_revoked(token or ""):
            return refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        call.principal = "integration"
        version = call.path.split("/")[3:4] if call.path.startswith("/services/data/v") else []
        if version and version[0] not in {f"v{number}.0" for number in VERSIONS}:
            return self._not_found(call, frozenset())
        return None

    def _refuse(self, _call: Call, _limit: Limit) -> Response:
        return refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    def _not_found(self, _call: Call, allowed: frozenset[str]) -> Response:
        if allowed:
            return refusal(
                405, "METHOD_NOT_ALLOWED", "HTTP method not allowed. Allowed are " + ",".join(sorted(allowed))
            )
        return refusal(404, "NOT_FOUND", "The requested resource does not exist")

    def _finish(self, _call: Call, response: Response) -> None:
        used, most = min(self.daily.used("org"), self.daily.allowed()), self.daily.allowed()
        response.headers["Sforce-Limit-Info"] = f"api-usage={used}/{most}"

    def _token(self, call: Call) -> Response:
        try:
            token = self.sessions.grant(
                call.form(), call.headers.get("authorization", ""), call.headers.get("host", "")
            )
        except GrantRefused as error:
            return answer({"error": error.error, "error_description": error.description}, 400)
        body = {
            "access_token": token,
            "instance_url": self.options.origin,
            "id": "https://login.salesforce.com/id/00DHl0000000001AAA/005Hl0000000001AAA",
            "token_type": "Bearer",
        }
        if self.options.has("salesforce_token_extras"):
            body |= {"issued_at": str(int(self.sessions.wall() * 1000)), "signature": "c2lnbmF0dXJl", "scope": "api"}
        return answer(body)

    def _query(self, call: Call) -> Response:
        return self._run(call, with_deleted=False)

    def _query_all(self, call: Call) -> Response:
        return self._run(call, with_deleted=True)

    def _run(self, call: Call, *, with_deleted: bool) -> Response:
        self.org.refresh()
        try:
            query = parse(call.query.get("q", ""))
        except SoqlError as error:
            return refusal(400, error.code, error.message)
        rows = query.run(self.org.store.visible(query.sobject.name, with_deleted=with_deleted))
        if query.is_count:
            return answer({"totalSize": len(rows), "done": True, "records": []})
        version = call.params["version"]
        records = [render(query.sobject, row, query.fields, version) for row in rows]
        return answer(self.cursors.first_page(records, f"/services/data/v{version}/query/"))

    def _query_more(self, call: Call) -> Response:
        try:
            page = self.cursors.page(call.params["locator"], f"/services/data/v{call.params['version']}/query/")
        except LocatorGone:
            return refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return answer(page)

    def _limits(self, _call: Call) -> Response:
        used, most = self.daily.used("org"), self.daily.allowed()
        return answer({"DailyApiRequests": {"Max": most, "Remaining": max(0, most - used)}})

    def _sobjects(self, _call: Call) -> Response:
        listed = [{key: value for key, value in describe(o).items() if key != "fields"} for o in OBJECTS.values()]
        return answer({"encoding": "UTF-8", "maxBatchSize": COLLECTION_LIMIT, "sobjects": listed})

    def _describe(self, call: Call) -> Response:
        return self._on_object(call, lambda sobject: answer(describe(sobject)))

    def _updated(self, call: Call) -> Response:
        def list_ids(sobject: SObject) -> Response:
            start, end = _window(call.query)
            ids = [
                row["Id"]
                for row in self.org.store.visible(sobject.name, with_deleted=False)
                if start <= row["SystemModstamp"] < end
            ]
            return answer({"ids": ids, "latestDateCovered": stamp(end)})

        return self._on_object(call, list_ids)

    def _deleted(self, call: Call) -> Response:
        def list_ids(sobject: SObject) -> Response:
            start, end = _window(call.query)
            rows = [
                {"id": i, "deletedDate": stamp(at)}
                for i, at in self.org.store.deleted_between(sobject.name, start, end)
            ]
            earliest = min([start, *self.org.store.deleted_at.values()])
            return answer(
                {"deletedRecords": rows, "earliestDateAvailable": stamp(earliest), "latestDateCovered": stamp(end)}
            )

        return self._on_object(call, list_ids)

    def _get(self, call: Call) -> Response:
        def read(sobject: SObject) -> Response:
            row = self.org.store.get(sobject.name, call.params["id"])
            wanted = call.query.get("fields")
            names = [name for name in wanted.split(",") if name] if wanted else list(sobject.fields)
            known = [sobject.field(name) for name in names]
            if None in known:
                missing = names[known.index(None)]
                raise ItemError(400, "INVALID_FIELD", f"No such column '{missing}' on entity '{sobject.name}'")
            call.ids[sobject.name] = row["Id"]
            fields = tuple(found.name for found in known if found)
            return answer(render(sobject, row, fields, call.params["version"]))

        return self._on_object(call, read)

    def _get_by_key(self, call: Call) -> Response:
        def read(sobject: SObject) -> Response:
            key_field = self.org.store.external_id_field(sobject, call.params["key_field"])
            rows = self.org.store.by_external_id(sobject.name, key_field, call.params["key"])
            if not rows:
                raise ItemError(404, "NOT_FOUND", "The requested resource does not exist")
            if len(rows) > 1:
                raise Ambiguous([row["Id"] for row in rows])
            return answer(render(sobject, rows[0], tuple(sobject.fields), call.params["version"]))

        return self._on_object(call, read)

    def _upsert_one(self, call: Call) -> Response:
        def write(sobject: SObject) -> Response:
            key_field = self.org.store.external_id_field(sobject, call.params["key_field"])
            body = _json_object(call)
            if key_field.name in body:
                raise ItemError(
                    400, "INVALID_FIELD", "The external id field stands in the path, not in the body", (key_field.name,)
                )
            identifier, created = self.org.store.upsert(sobject.name, key_field, call.params["key"], body)
            call.ids |= {"key": call.params["key"], sobject.name: identifier}
            return answer(
                {"id": identifier, "success": True, "errors": [], "created": created}, 201 if created else 200
            )

        return self._on_object(call, write)

    def _upsert_many(self, call: Call) -> Response:
        def write(sobject: SObject) -> Response:
            key_field = self.org.store.external_id_field(sobject, call.params["key_field"])
            records, all_or_none = _collection(call, sobject)
            return answer(self.org.store.upsert_many(sobject, key_field, records, all_or_none=all_or_none))

        return self._on_object(call, write)

    def _on_object(self, call: Call, handle: Callable[[SObject], Response]) -> Response:
        sobject = OBJECTS.get(call.params["object"])
        if sobject is None:
            return self._not_found(call, frozenset())
        self.org.refresh()
        try:
            return handle(sobject)
        except ItemError as error:
            return refusal(error.status, error.code, error.message, error.fields)
        except Ambiguous as several:
            version = call.params["version"]
            return answer([f"/services/data/v{version}/sobjects/{sobject.name}/{i}" for i in several.ids], 300)

    def _holdings(self, query: QueryParams) -> Any:
        self.org.refresh()
        name = query.get("object", "Invoice_Status__c")
        rows = self.org.store.visible(name, with_deleted=False)
        counts = {o: len(self.org.store.visible(o, with_deleted=False)) for o in OBJECTS}
        return {
            "counts": counts,
            "rows": [render(OBJECTS[name], row, tuple(OBJECTS[name].fields), "67.0") for row in rows],
        }


def stamp(at: datetime) -> str:
    """`2026-01-31T10:00:00.000+0000` (A.4)."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def render(sobject: SObject, row: Row, fields: tuple[str, ...], version: str) -> dict[str, Any]:
    """A row as the API shows it, with its `attributes`."""
    url = f"/services/data/v{version}/sobjects/{sobject.name}/{row['Id']}"
    return {"attributes": {"type": sobject.name, "url": url}} | {name: _outward(row[name]) for name in fields}


def _outward(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    # JSON knows one kind of number; the shortest form of a float prints the decimal it was made from
    return float(value) if isinstance(value, Decimal) else value


def _window(query: QueryParams) -> tuple[datetime, datetime]:
    try:  # an unencoded + arrives as a blank
        start, end = (instant(query[name].replace(" ", "+")) for name in ("start", "end"))
    except (KeyError, ValueError):
        raise ItemError(400, "MISSING_ARGUMENT", "start and end must be given as ISO 8601 date-times") from None
    if start >= end:
        raise ItemError(400, "INVALID_REPLICATION_DATE", "startDate before endDate")
    return start, end


def _json_object(call: Call) -> Row:
    try:
        body = call.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ItemError(400, "JSON_PARSER_ERROR", "The HTTP entity body must be a JSON object")
    return body


def _collection(call: Call, sobject: SObject) -> tuple[list[Row], bool]:
    """The records of a Collections call; a malformed call is refused whole (A.5)."""
    body = _json_object(call)
    if unknown := set(body) - {"allOrNone", "records"}:
        raise ItemError(400, "JSON_PARSER_ERROR", f'Unrecognized field "{min(unknown)}"')
    records, all_or_none = body.get("records"), body.get("allOrNone", False)
    if (
        not isinstance(records, list)
        or not all(isinstance(r, dict) for r in records)
        or not isinstance(all_or_none, bool)
    ):
        raise ItemError(400, "JSON_PARSER_ERROR", "records must be a list of objects and allOrNone a boolean")
    if len(records) > COLLECTION_LIMIT:
        raise ItemError(
            400, "EXCEEDED_MAX_SOBJECTS", f"record limit reached. cannot submit more than {COLLECTION_LIMIT} records"
        )
    for record in records:
        kind = record.get("attributes", {}).get("type") if isinstance(record.get("attributes"), dict) else None
        if kind != sobject.name:
            raise ItemError(400, "INVALID_FIELD", f"attributes.type must be {sobject.name} in every record")
    return records, all_or_none
