"""The account's HTTP face: routes, headers, paging and links; the rules live in the modules it calls."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from simulators.kit import Call, Concurrency, KitApp, Route, answer
from simulators.netsuite import errors, wire
from simulators.netsuite.auth import TOKEN_PATH, SignIn, TokenSet
from simulators.netsuite.catalog import DELETED_RECORD, TABLES
from simulators.netsuite.errors import Refusal, invalid_parameter
from simulators.netsuite.jobs import Jobs
from simulators.netsuite.life import Life
from simulators.netsuite.metadata import catalog, openapi, schema
from simulators.netsuite.recordquery import compile_conditions
from simulators.netsuite.records import RECORD_TYPES, RecordType, Renderer, find
from simulators.netsuite.store import Store, instant_text
from simulators.netsuite.suiteql import Query, compile_query
from simulators.netsuite.timebill import TIME_BILL, TimeBills, check_external_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import QueryParams

    from simulators.firm.model import World
    from simulators.kit import AppOptions

ACCOUNT_ID = "HARTWELL1"
ROOT = "/services/rest"
MOST_ROWS_A_QUERY = 100_000
PREMIUM_CONCURRENCY = 15
JOB_SECONDS = 0.2


def app(world: World, options: AppOptions) -> KitApp:
    """One NetSuite account on the firm."""
    return Account(world, options).kit


def describe(_world: World, options: AppOptions) -> dict[str, Any]:
    """Where the account is and how to sign in."""
    tokens = _tokens(options.seed)
    return {
        "base_url": options.origin + ROOT,
        "options": {"account_id": ACCOUNT_ID},
        "secrets": {
            "consumer_key": tokens.consumer_key,
            "consumer_secret": tokens.consumer_secret,
            "token_id": tokens.token_id,
            "token_secret": tokens.token_secret,
        },
    }


def _tokens(seed: int) -> TokenSet:
    def secret(name: str) -> str:
        return hashlib.sha256(f"{seed}:netsuite:{name}".encode()).hexdigest()

    return TokenSet(secret("consumer"), secret("consumer secret"), secret("token"), secret("token secret"))


class Account:
    """Routes over one store. `kit` is the finished app."""

    def __init__(self, world: World, options: AppOptions) -> None:
        self._origin = options.origin
        self._options = options
        self._store = Store(world)
        self._time_bills = TimeBills(self._store, allow_negative=options.has("netsuite_negative_hours"))
        self._jobs = Jobs(world.clock.now, f"{ROOT}/async/v1/job", JOB_SECONDS)
        self._tables = TABLES | ({"deletedrecord": DELETED_RECORD} if options.has("netsuite_deletedrecord") else {})
        self._counts: dict[tuple[int, str, str], int] = {}
        Life(self._store, self._time_bills).register(world)
        self._sign_in = SignIn(ACCOUNT_ID, _tokens(options.seed), options.origin + TOKEN_PATH, world.clock.wall)
        self.kit = KitApp(
            "netsuite",
            world,
            options,
            routes=self._routes(),
            authenticate=self._sign_in.check,
            limits=[Concurrency("concurrency", PREMIUM_CONCURRENCY)],
            refuse=lambda _call, _limit: errors.too_many().response(),
            not_found=_no_such_path,
            failed=_unforeseen,
            holdings=self._holdings,
        )
        self._sign_in.is_revoked = self.kit.is_revoked
        world.changes.register("erp_certificate", self._sign_in.erp_certificate)

    def _routes(self) -> list[Route]:
        record, jobs = f"{ROOT}/record/v1", f"{ROOT}/async/v1/job"

        def route(methods: str, template: str, handler: Callable[[Call], Response], *, reads: bool = False) -> Route:
            return Route(methods, template, self._guarded(handler), reads=reads)

        return [
            Route("POST", TOKEN_PATH, self._sign_in.issue, reads=True, open_to_all=True),
            route("POST", f"{ROOT}/query/v1/suiteql", self._suiteql, reads=True),
            route("GET", f"{record}/metadata-catalog", self._catalog),
            route("GET", f"{record}/metadata-catalog/{{type}}", self._schema),
            route("GET", f"{record}/{{type}}", self._or_later(self._list)),
            route("GET", f"{record}/{{type}}/{{key}}", self._or_later(self._get)),
            route("GET", f"{record}/invoice/{{key}}/time", self._or_later(self._invoice_time)),
            route("POST", f"{record}/{{type}}", self._or_later(self._create)),
            route("PUT", f"{record}/{{type}}/{{key}}", self._or_later(self._upsert)),
            route("PATCH", f"{record}/{{type}}/{{key}}", self._or_later(self._update)),
            route("DELETE", f"{record}/{{type}}/{{key}}", self._or_later(self._delete)),
            route("GET", f"{jobs}/{{number}}", lambda call: self._jobs.job(call.params["number"])),
            route("GET", f"{jobs}/{{number}}/task", lambda call: self._jobs.tasks(call.params["number"])),
            route(
                "GET",
                f"{jobs}/{{number}}/task/{{task}}",
                lambda call: self._jobs.task(call.params["number"], call.params["task"]),
            ),
            route(
                "GET",
                f"{jobs}/{{number}}/task/{{task}}/result",
                lambda call: self._jobs.result(call.params["number"], call.params["task"]),
            ),
        ]

    def _guarded(self, handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
        """Refusals become answers, and the firm's latest master data is there."""

        def run(call: Call) -> Response:
            self._store.refresh()
            try:
                return handler(call)
            except Refusal as refusal:
                return refusal.response()

        return run

    def _or_later(self, handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
        """The same call as a job when the caller prefers respond-async."""

        def run(call: Call) -> Response:
            if "respond-async" not in call.headers.get("prefer", ""):
                return handler(call)
            key = call.headers.get("x-netsuite-idempotency-key")
            return self._jobs.accept(lambda: self._at_last(handler, call), key)

        return run

    def _at_last(self, handler: Callable[[Call], Response], call: Call) -> Response:
        """A job's work, outside any call: a mistake of the simulator's must still reach the test that caused it."""
        try:
            return self._guarded(handler)(call)
        except Exception as error:  # noqa: BLE001 - as the kit does for calls
            self.kit.errors.append(f"job of {call.method} {call.path}: {type(error).__name__}: {error}")
            return _unforeseen(call, error)

    # -- SuiteQL --------------------------------------------------------------------------------------------------

    def _suiteql(self, call: Call) -> Response:
        if "transient" not in call.headers.get("prefer", ""):
            raise Refusal(
                400, "INVALID_HEADER", "The required header Prefer must hold the value transient.", header="Prefer"
            )
        body = wire.json_body(call)
        if not isinstance(body, dict) or not isinstance(body.get("q"), str) or set(body) - {"q", "params"}:
            raise invalid_parameter("The body is an object with q and, if need be, params.")
        parameters = body.get("params", [])
        if not isinstance(parameters, list):
            raise invalid_parameter("params is a list.")
        limit, offset = wire.page(call.query)
        now = instant_text(self._store.world.clock.now())
        query = compile_query(body["q"], parameters, self._tables, now)
        total = self._total(query)
        shown = max(0, min(limit, total - offset))
        order = ""
        if offset and not query.is_ordered and self._options.has("netsuite_unordered_paging"):
            order = " order by 1 desc"
        rows = self._store.rows(
            f"select * from ({query.sql}){order} limit {shown} offset {offset}",  # noqa: S608 - compiled and bound
            query.parameters,
        )
        items = [{"links": []} | wire.result_row(row, query) for row in rows]
        return answer(wire.paged(self._origin, call, items, limit, offset, total))

    def _total(self, query: Query) -> int:
        """Rows of a query, up to the cap; remembered until something changes."""
        key = (self._store.version, query.sql, repr(query.parameters))
        if key not in self._counts:
            if len(self._counts) > 100:
                self._counts.clear()
            capped = f"select count(*) from (select 1 from ({query.sql}) limit {MOST_ROWS_A_QUERY})"  # noqa: S608
            self._counts[key] = int(self._store.rows(capped, query.parameters)[0][0])
        return self._counts[key]

    # -- record API -------------------------------------------------------------------------------------------------

    @staticmethod
    def _type(call: Call) -> RecordType:
        kind = RECORD_TYPES.get(call.params["type"].lower())
        if kind is None:
            raise Refusal(404, "NOT_FOUND", f"Record type '{call.params['type']}' does not exist.")
        return kind

    @classmethod
    def _writable(cls, call: Call) -> None:
        kind = cls._type(call)
        if kind is not TIME_BILL:
            raise Refusal(
                403, "INSUFFICIENT_PERMISSION", f"Your current role may not {call.method} records of type {kind.tag}."
            )

    def _renderer(self, call: Call) -> Renderer:
        simple = call.query.get("simpleEnumFormat", "").lower() == "true"
        return Renderer(self._store, f"{self._origin}{ROOT}/record/v1", simple_enums=simple)

    def _list(self, call: Call) -> Response:
        kind = self._type(call)
        limit, offset = wire.page(call.query)
        where, values = compile_conditions(call.query["q"], kind) if "q" in call.query else ("1", [])
        total = int(self._store.value(f"select count(*) from {kind.table} where {where}", values))  # noqa: S608
        rows = self._store.rows(
            f"select id from {kind.table} where {where} order by id limit ? offset ?",  # noqa: S608 - compiled and bound
            [*values, limit, offset],
        )
        renderer = self._renderer(call)
        items = [{"links": [renderer.link(kind.tag, row["id"])], "id": str(row["id"])} for row in rows]
        return answer(wire.paged(self._origin, call, items, limit, offset, total))

    def _get(self, call: Call) -> Response:
        kind, key = self._type(call), call.params["key"]
        if key.startswith("eid:"):
            check_external_id(key.removeprefix("eid:"))
        row = find(self._store, kind, key)
        fields = call.query.get("fields")
        wanted = frozenset(name.strip().lower() for name in fields.split(",")) if fields else None
        for name in wanted or ():
            if kind.field(name) is None:
                raise invalid_parameter(f"Unknown field {name}.", query_param="fields")
        renderer = self._renderer(call)
        body = renderer.record(kind, row, wanted)
        if kind.tag == "invoice" and wanted is None:
            body["time"] = {"links": [renderer.link("invoice", f"{row['id']}/time")]}
            if call.query.get("expandSubResources", "").lower() == "true":
                items = renderer.time_lines(row["id"])
                body["time"] |= {"items": items, "totalResults": len(items)}
        return answer(body, media_type="application/vnd.oracle.resource+json; type=singular")

    def _invoice_time(self, call: Call) -> Response:
        row = find(self._store, RECORD_TYPES["invoice"], call.params["key"])
        items = self._renderer(call).time_lines(row["id"])
        return answer(wire.paged(self._origin, call, items, wire.MOST_ROWS_A_PAGE, 0, len(items)))

    def _create(self, call: Call) -> Response:
        self._writable(call)
        new, warnings = self._time_bills.create(wire.json_body(call), wire.validation(call))
        return self._written(call, new, warnings, located=True)

    def _upsert(self, call: Call) -> Response:
        self._writable(call)
        key = call.params["key"]
        if not key.startswith("eid:"):
            raise Refusal(405, "METHOD_NOT_ALLOWED", "PUT addresses a record by its external id.")
        key = key.removeprefix("eid:")
        call.ids["external_id"] = key
        number, is_new, warnings = self._time_bills.upsert(key, wire.json_body(call), wire.validation(call))
        # The document says that Location is optional on upsert, so half of the keys get none.
        return self._written(call, number, warnings, located=is_new and zlib.crc32(key.encode()) % 2 == 0)

    def _update(self, call: Call) -> Response:
        self._writable(call)
        row = find(self._store, TIME_BILL, call.params["key"])
        warnings = self._time_bills.update(row, wire.json_body(call), wire.validation(call))
        return self._written(call, row["id"], warnings, located=False)

    def _delete(self, call: Call) -> Response:
        self._writable(call)
        row = find(self._store, TIME_BILL, call.params["key"])
        call.ids["time_bill"] = str(row["id"])
        if row["externalid"]:
            call.ids["external_id"] = row["externalid"]
        self._time_bills.delete(row)
        return Response(status_code=204)

    def _written(self, call: Call, number: int, warnings: list[str], *, located: bool) -> Response:
        call.ids["time_bill"] = str(number)
        row = find(self._store, TIME_BILL, str(number))
        if row["externalid"]:
            call.ids["external_id"] = row["externalid"]
        headers = {"X-NetSuite-PropertyNameValidation": wire.validation(call).names}
        if located:
            headers["Location"] = f"{self._origin}{ROOT}/record/v1/timeBill/{number}"
        if warnings:
            headers["Warning"] = '299 - "' + "; ".join(warnings).replace('"', "'") + '"'
        return Response(status_code=204, headers=headers)

    # -- metadata and holdings --------------------------------------------------------------------------------------

    def _catalog(self, call: Call) -> Response:
        root = f"{self._origin}{ROOT}/record/v1"
        if "swagger" in call.headers.get("accept", ""):
            return answer(openapi(call.query.get("select", "")), media_type="application/swagger+json")
        return answer(catalog(root))

    def _schema(self, call: Call) -> Response:
        return answer(schema(self._type(call)), media_type="application/schema+json")

    def _holdings(self, query: QueryParams) -> Any:
        """Time rows by month and key, invoices by status, and every row with `?rows=true`."""
        months = self._store.rows(
            "select substr(trandate, 1, 7) as month, externalid is not null as is_ours, count(*) as rows,"
            " sum(minutes) as minutes from timebill group by 1, 2 order by 1, 2"
        )
        invoices = self._store.rows("select status, count(*) as invoices from invoice group by status order by status")
        held: dict[str, Any] = {"months": [dict(m) for m in months], "invoices": [dict(i) for i in invoices]}
        if query.get("rows") == "true":
            rows = self._store.rows(
                "select t.*, (select i.status from invoice_time l join invoice i on i.id = l.invoice"
                " where l.doc = t.id and i.voided = 'F') as invoice_status from timebill t order by t.id"
            )
            held["rows"] = [dict(row) for row in rows]
        return held


def _no_such_path(call: Call, allowed: frozenset[str]) -> Response:
    if allowed:
        refusal = Refusal(405, "METHOD_NOT_ALLOWED", f"{call.method} is not allowed here.")
        refusal.headers["Allow"] = ", ".join(sorted(allowed))
        return refusal.response()
    return Refusal(404, "NOT_FOUND", "The requested resource does not exist.").response()


def _unforeseen(call: Call, error: Exception) -> Response:
    error_id = hashlib.sha256(f"{call.url}{error}".encode()).hexdigest()[:16]
    detail = f"An unexpected error occurred. Error ID: {error_id}"
    return Refusal(500, "UNEXPECTED_ERROR", detail).response()
