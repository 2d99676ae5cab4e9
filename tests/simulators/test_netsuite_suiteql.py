"""SuiteQL by raw HTTP: what a query gives, and what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from starlette.datastructures import Headers, QueryParams

from simulators.firm.generator import build
from simulators.kit import AppOptions, Call
from simulators.netsuite import service
from tests.fixtures.simulators import Firm, start_firm
from tests.simulators.callers import NetSuite, error

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    with start_firm(tmp_path_factory.mktemp("suiteql"), seed=5, entries=400, only="netsuite") as started:
        yield started
        assert started["netsuite"].errors() == []


@pytest.fixture(scope="module")
def ns(firm: Firm) -> Iterator[NetSuite]:
    caller = NetSuite(firm.addresses["netsuite"])
    yield caller
    caller.http.close()


@pytest.fixture(scope="module")
def held(firm: Firm) -> list[dict[str, Any]]:
    return list(firm["netsuite"].holdings(rows="true")["rows"])


def test_values_are_text_names_lower_case_and_nulls_left_out(ns: NetSuite, held: list[dict[str, Any]]) -> None:
    row = next(row for row in held if row["rate"] is None)
    [shown] = ns.rows("SELECT ID, Hours, Rate, ExternalId, IsBillable, TranDate FROM TimeBill WHERE id = ?", row["id"])
    year, month, day = row["trandate"][:10].split("-")
    assert shown == {
        "id": str(row["id"]),
        "hours": format((Decimal(row["minutes"]) / 60).quantize(Decimal("1e-10")).normalize(), "f"),
        "isbillable": row["isbillable"],
        "trandate": f"{int(month)}/{int(day)}/{year}",
    }


def test_every_promised_column_is_there(ns: NetSuite) -> None:
    for table, columns in {
        "timebill": "id, employee, customer, casetaskevent, item, hours, rate, isbillable, trandate, timetype, memo,"
        " lastmodifieddate, externalid, subsidiary, approvalstatus, posted",
        "employee": "id, entityid, email, subsidiary, isinactive, lastmodifieddate",
        "customer": "id, entityid, companyname, parent, subsidiary, currency, lastmodifieddate",
        "job": "id, entityid, companyname, customer, subsidiary, currency, entitystatus, isinactive, lastmodifieddate",
        "projecttask": "id, project, title, status, lastmodifieddate",
        "item": "id, itemid, isinactive, lastmodifieddate",
        "subsidiary": "id, name, currency",
        "accountingperiod": "id, periodname, startdate, enddate, closed, isquarter, isyear, lastmodifieddate",
        "transaction": "id, type, tranid, trandate, status, approvalstatus, entity, subsidiary, currency, foreigntotal,"
        " foreignamountunpaid, lastmodifieddate, voided",
    }.items():
        answer = ns.suiteql(f"select {columns} from {table} order by id", limit=5)
        assert answer.status_code == 200, answer.text


def test_pages_join_to_the_whole(ns: NetSuite, held: list[dict[str, Any]]) -> None:
    found: list[str] = []
    offset = 0
    while True:
        page = ns.suiteql("select id from timebill order by id", limit=50, offset=offset).json()
        found += [item["id"] for item in page["items"]]
        assert page["totalResults"] == len(held)
        if not page["hasMore"]:
            break
        offset += 50
    assert found == [str(row["id"]) for row in held]


def test_sum_of_hours_by_month_is_exact(ns: NetSuite, held: list[dict[str, Any]]) -> None:
    months: dict[str, int] = {}
    for row in held:
        months[row["trandate"][:7]] = months.get(row["trandate"][:7], 0) + row["minutes"]
    rows = ns.rows(
        "select TO_CHAR(trandate, 'YYYY-MM') as month, sum(hours) as hours, count(*) as n from timebill"
        " group by TO_CHAR(trandate, 'YYYY-MM') order by month"
    )
    assert {row["month"]: round(Decimal(row["hours"]) * 60) for row in rows} == months


def test_incremental_slice_comes_in_order(ns: NetSuite, held: list[dict[str, Any]]) -> None:
    bound = sorted(row["lastmodifieddate"] for row in held)[len(held) // 2]
    rows = ns.rows(
        "select id, TO_CHAR(lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') as at from timebill"
        " where lastmodifieddate >= TO_DATE(?, 'YYYY-MM-DD HH24:MI:SS') order by lastmodifieddate, id",
        bound,
    )
    wanted = sorted((row["lastmodifieddate"], row["id"]) for row in held if row["lastmodifieddate"] >= bound)
    assert [(row["at"], int(row["id"])) for row in rows] == wanted


def test_joins_conditions_and_functions_mean_what_they_say(ns: NetSuite) -> None:
    open_jobs = ns.rows(
        "select j.entityid, c.entityid as payer, BUILTIN.DF(j.currency) code, upper(j.companyname) || '!' loud,"
        " case when j.entitystatus = 'Open' then 1 else 0 end as is_open from job j"
        " left join customer c on c.id = j.customer where j.entitystatus <> 'Closed' and (j.id > 0 or j.id is null)"
        " and j.entityid like 'P10%' and j.entityid not in ('P1001') and j.id between 1 and 999999 order by 1 desc"
    )
    names = [row["entityid"] for row in open_jobs]
    assert names == sorted(names, reverse=True)
    assert "P1001" not in names
    assert all(row["payer"].startswith("C") and row["code"] in {"USD", "GBP", "EUR"} for row in open_jobs)
    assert all(row["loud"].endswith("!") and row["is_open"] == "1" for row in open_jobs)
    assert ns.rows("select count(*) as n from job j where exists (select 1 from projecttask t where t.project = j.id)")
    assert len(ns.rows("select * from (select id from timebill order by id desc) where rownum <= 3")) == 3
    assert ns.rows("select nvl(memo, 'none') as memo, coalesce(rate, 0) as rate from timebill where rownum < 2")
    assert ns.rows("select distinct entitystatus from job where entityid like 'p10%'") == []
    assert ns.rows("select (2 + 3) * 4 / 8 as n, round(10 / 4, 1) as r from subsidiary where rownum <= 1") == [
        {"n": "2.5", "r": "2.5"}
    ]


def test_aggregate_needs_its_groups(ns: NetSuite) -> None:
    [row] = ns.rows(
        "select count(distinct employee) as people, max(trandate) as last, min(hours) as least from timebill"
    )
    assert int(row["people"]) > 0
    assert "/" in row["last"]
    assert error(ns.suiteql("select employee, sum(hours) from timebill"))[1] == "INVALID_PARAMETER"
    assert len(ns.rows("select employee, sum(hours) h from timebill group by employee having sum(hours) > 0")) == int(
        row["people"]
    )


def test_literal_of_a_date_follows_the_accounts_format(ns: NetSuite) -> None:
    some = ns.rows("select id from timebill where trandate >= '1/1/2026' and trandate < SYSDATE + 1")
    assert some
    assert error(ns.suiteql("select id from timebill where trandate >= '2026-01-01'"))[1] == "INVALID_PARAMETER"


@pytest.mark.parametrize(
    "q",
    [
        "select", "select id", "select id from", "select id from nowhere", "select nothing from timebill",
        "select id from timebill limit 5", "select id from timebill where", "select id from timebill; drop table x",
        "select id from timebill where id = 'abc'", "select id from timebill where trandate = 5",
        "select t.id from timebill t, employee e where id = 1", "select id from timebill where id in ()",
        "select secret(id) from timebill", "select TO_CHAR(trandate, 'Mon') m from timebill",
        "select id from timebill where rownum > 5", "select id from timebill where rownum <= 5 order by id",
        "select sum(memo) from timebill", "update timebill set memo = 'x'", "select id from timebill order by 3",
        "select id from timebill t join employee e", "select x.* from timebill t", "select memo + 1 from timebill",
        "select TO_DATE('x', 'YYYY-MM-DD') from timebill", "select id from sqlite_master", "select 1 from timebill a, item a",
        "select id from timebill where (id = 1", "select id from timebill where memo like", "select case end from item",
        "select BUILTIN.CONSOLIDATE(id) from timebill", "select id from timebill where not", "select id # from item",
    ],
)  # fmt: skip
def test_query_that_cannot_be_read_is_refused(ns: NetSuite, q: str) -> None:
    assert error(ns.suiteql(q))[:2] == (400, "INVALID_PARAMETER")


def test_parameters_are_counted_and_typed(ns: NetSuite) -> None:
    assert error(ns.suiteql("select id from timebill where id = ?"))[1] == "INVALID_PARAMETER"
    assert error(ns.suiteql("select id from timebill", 1))[1] == "INVALID_PARAMETER"
    assert error(ns.suiteql("select id from timebill where id = ?", True))[1] == "INVALID_PARAMETER"
    assert error(ns.suiteql("select id from timebill where id = ?", None))[1] == "INVALID_PARAMETER"
    assert ns.rows("select ? as x, id from subsidiary where name <> ? and rownum <= 1", "a", "b")[0]["x"] == "a"


def test_preference_transient_is_required(ns: NetSuite) -> None:
    answer = ns.call("POST", "/query/v1/suiteql", json={"q": "select id from item"})
    assert error(answer)[:2] == (400, "INVALID_HEADER")
    assert answer.json()["o:errorDetails"][0]["o:errorHeader"] == "Prefer"


@pytest.mark.parametrize("body", [[], {"query": "select 1"}, {"q": 5}, {"q": "select id from item", "params": {}}])
def test_body_of_another_shape_is_refused(ns: NetSuite, body: Any) -> None:
    answer = ns.call("POST", "/query/v1/suiteql", json=body, headers={"Prefer": "transient"})
    assert error(answer)[:2] == (400, "INVALID_PARAMETER")


@pytest.mark.parametrize(("limit", "offset"), [(1001, 0), (0, 0), (10, 5), (1, 1000)])
def test_paging_outside_the_rules_is_refused(ns: NetSuite, limit: int, offset: int) -> None:
    assert error(ns.suiteql("select id from item", limit=limit, offset=offset))[:2] == (400, "INVALID_PARAMETER")


def test_deleted_rows_have_no_table_unless_the_flag_is_on(ns: NetSuite, make_firm: Any) -> None:
    assert error(ns.suiteql("select recordid from deletedrecord"))[1] == "INVALID_PARAMETER"
    firm = make_firm(seed=5, entries=50, only="netsuite", unconfirmed="netsuite_deletedrecord")
    caller = NetSuite(firm.addresses["netsuite"])
    [row] = caller.rows("select id from timebill where rownum <= 1")
    firm.change("erp_delete_row", row_id=row["id"])
    assert caller.rows("select recordid, recordtype from deletedrecord") == [
        {"recordid": row["id"], "recordtype": "timebill"}
    ]
    caller.http.close()


def test_query_says_no_word_about_rows_beyond_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_ROWS_A_QUERY", 7)
    account = service.Account(build(5, 100, date(2026, 11, 16)), AppOptions("http://127.0.0.1:1"))
    headers = Headers({"prefer": "transient", "content-type": "application/json"})
    body = b'{"q": "select id from timebill order by id"}'
    call = Call("POST", "/services/rest/query/v1/suiteql", QueryParams("limit=5&offset=5"), headers, body, "")
    page = orjson.loads(account._suiteql(call).body)
    assert (page["totalResults"], page["count"], page["hasMore"]) == (7, 2, False)


def test_flagged_paging_without_an_order_is_not_stable(make_firm: Any) -> None:
    firm = make_firm(seed=5, entries=200, only="netsuite", unconfirmed="netsuite_unordered_paging")
    caller = NetSuite(firm.addresses["netsuite"])
    total = caller.suiteql("select id from timebill", limit=10).json()["totalResults"]
    pages = [caller.suiteql("select id from timebill", limit=10, offset=n).json()["items"] for n in range(0, total, 10)]
    assert len({item["id"] for page in pages for item in page}) < total
    ordered = [
        caller.suiteql("select id from timebill order by id", limit=10, offset=n).json()["items"]
        for n in range(0, total, 10)
    ]
    assert len({item["id"] for page in ordered for item in page}) == total
    caller.http.close()
