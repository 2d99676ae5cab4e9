"""NetSuite by raw HTTP: time rows written, refused, deleted; lists, paging and limits."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fixtures.simulators import Firm, start_firm
from tests.simulators.callers import STRICT, NetSuite, Signed, error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Body = dict[str, Any]
CLOSED = (
    "Error while accessing a resource. The transaction date you specified is not within the date range of your"
    " accounting period."
)


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    with start_firm(tmp_path_factory.mktemp("netsuite"), seed=7, entries=300, only="netsuite", allowance=1) as started:
        yield started
        assert started["netsuite"].errors() == []


@pytest.fixture
def ns(firm: Firm) -> Iterator[NetSuite]:
    caller = NetSuite(firm.addresses["netsuite"])
    yield caller
    caller.http.close()
    firm["netsuite"].clear_faults()


@pytest.fixture
def body(ns: NetSuite) -> Body:
    """What a writer sends for an hour in an open month, on an open task."""
    [task] = ns.rows(
        "select t.id, t.project from projecttask t join job j on j.id = t.project"
        " where j.entitystatus = 'Open' and t.status = 'Open' and rownum <= 1"
    )
    [employee] = ns.rows("select id from employee where isinactive = 'F' and rownum <= 1")
    [item] = ns.rows("select id from item where isinactive = 'F' and rownum <= 1")
    return {
        "employee": {"id": employee["id"]},
        "customer": {"id": task["project"]},
        "caseTaskEvent": {"id": task["id"]},
        "item": {"id": item["id"]},
        "tranDate": "2026-11-10",
        "hours": "7:30",
        "isBillable": True,
        "timeType": {"id": "A"},
        "overrideRate": True,
        "rate": 185.25,
        "approvalStatus": {"id": "3"},
        "memo": "approved by PSA",
    }


def external(ns: NetSuite, key: str) -> Body:
    return ns.record(f"eid:{key}")


# -- writing --------------------------------------------------------------------------------------------------------


def test_upsert_creates_then_changes_the_same_row(ns: NetSuite, body: Body) -> None:
    assert ns.put("up-1", body).status_code == 204
    first = external(ns, "up-1")
    assert ns.put("up-1", body | {"hours": "6:15"}).status_code == 204
    second = external(ns, "up-1")
    assert (first["id"], first["hours"], second["id"], second["hours"]) == (first["id"], "7:30", first["id"], "6:15")
    assert (first["rate"], first["tranDate"], first["timeType"]["refName"]) == (185.25, "2026-11-10", "Actual Time")


def test_upsert_gives_a_location_for_some_new_rows_only(ns: NetSuite, body: Body) -> None:
    located = ["location" in ns.put(f"loc-{n}", body).headers for n in range(12)]
    assert set(located) == {True, False}


def test_post_answers_204_with_the_new_rows_location(ns: NetSuite, body: Body) -> None:
    answer = ns.call("POST", "/record/v1/timeBill", json=body | {"externalId": "post-1"}, headers=STRICT)
    assert answer.status_code == 204
    assert answer.headers["location"].endswith("/record/v1/timeBill/" + external(ns, "post-1")["id"])


def test_post_with_a_taken_external_id_is_refused(ns: NetSuite, body: Body) -> None:
    assert ns.put("dup-1", body).status_code == 204
    answer = ns.call("POST", "/record/v1/timeBill", json=body | {"externalId": "dup-1"}, headers=STRICT)
    assert error(answer)[:3] == (
        400, "USER_ERROR", "Error while accessing a resource. This record already exists."
    )  # fmt: skip


@pytest.mark.parametrize("key", ["a|b", "a.b", "a b", "ä"])
def test_key_with_other_characters_is_refused(ns: NetSuite, body: Body, key: str) -> None:
    assert error(ns.put(key, body))[:2] == (400, "INVALID_PARAMETER")


@pytest.mark.parametrize("field", ["employee", "customer", "caseTaskEvent", "item"])
def test_reference_to_nothing_is_an_invalid_field_value(ns: NetSuite, body: Body, field: str) -> None:
    assert error(ns.put("ref-1", body | {field: {"id": "99999999"}})) == (
        400,
        "INVALID_CONTENT",
        f"Error while accessing a resource. You have entered an Invalid Field Value 99999999 for the following field: {field}.",
        field,
    )


def test_task_of_another_project_is_refused(ns: NetSuite, body: Body) -> None:
    [other] = ns.rows(
        "select id from projecttask where project <> ? and status = 'Open' and rownum <= 1", body["customer"]["id"]
    )
    assert error(ns.put("task-1", body | {"caseTaskEvent": {"id": other["id"]}}))[1::2] == (
        "INVALID_CONTENT", "caseTaskEvent"
    )  # fmt: skip


def test_closed_project_is_refused_until_it_is_open_again(firm: Firm, ns: NetSuite, body: Body) -> None:
    [job] = ns.rows("select entityid from job where id = ?", body["customer"]["id"])
    firm.change("close_project", project=job["entityid"])
    assert error(ns.put("closed-1", body))[1::2] == ("INVALID_CONTENT", "customer")
    firm.change("open_project", project=job["entityid"])
    assert ns.put("closed-1", body).status_code == 204


def test_closed_phase_is_refused(firm: Firm, ns: NetSuite, body: Body) -> None:
    [job] = ns.rows("select entityid from job where id = ?", body["customer"]["id"])
    [task] = ns.rows("select title from projecttask where id = ?", body["caseTaskEvent"]["id"])
    firm.change("close_phase", project=job["entityid"], title=task["title"])
    assert error(ns.put("phase-1", body))[1::2] == ("INVALID_CONTENT", "caseTaskEvent")
    firm.change("open_phase", project=job["entityid"], title=task["title"])


def test_unknown_property_is_dropped_with_a_warning_unless_names_are_strict(ns: NetSuite, body: Body) -> None:
    wrong = body | {"custcol_nowhere": "x"}
    assert error(ns.put("name-1", wrong))[1::2] == ("NONEXISTENT_FIELD", "custcol_nowhere")
    loose = ns.call("PUT", "/record/v1/timeBill/eid:name-1", json=wrong)
    assert loose.status_code == 204
    assert "custcol_nowhere" in loose.headers["warning"]
    assert "custcol_nowhere" not in external(ns, "name-1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hours", 7.5), ("hours", "7.5"), ("hours", "7:5"), ("hours", "7:60"), ("hours", "-1:00"),
        ("rate", "185"), ("isBillable", "T"), ("tranDate", "11/10/2026"), ("tranDate", "2026-02-30"), ("memo", 7),
        ("employee", "101"), ("item", {"id": 77}), ("timeType", {"id": "Z"}), ("posted", True), ("department", {"id": "1"}),
    ],
)  # fmt: skip
def test_value_of_the_wrong_type_is_refused(ns: NetSuite, body: Body, field: str, value: Any) -> None:
    assert error(ns.put("type-1", body | {field: value}))[:2] == (400, "INVALID_CONTENT")
    assert ns.call("GET", "/record/v1/timeBill/eid:type-1").status_code == 404


@pytest.mark.parametrize("missing", ["employee", "hours"])
def test_row_without_person_or_duration_is_refused(ns: NetSuite, body: Body, missing: str) -> None:
    del body[missing]
    assert error(ns.put("none-1", body))[1::2] == ("USER_ERROR", missing)


def test_date_in_a_closed_period_is_refused_until_it_is_reopened(firm: Firm, ns: NetSuite, body: Body) -> None:
    [period] = ns.rows(
        "select periodname, TO_CHAR(startdate, 'YYYY-MM-DD') as first from accountingperiod where closed = 'T'"
        " and isquarter = 'F' and isyear = 'F' and startdate >= TO_DATE('2026-01-01', 'YYYY-MM-DD') and rownum <= 1"
    )
    dated = body | {"tranDate": period["first"]}
    assert error(ns.put("period-1", dated))[:3] == (
        400,
        "USER_ERROR",
        CLOSED,
    )
    firm.change("reopen_period", name=period["periodname"])
    assert ns.put("period-1", dated).status_code == 204
    firm.change("close_period", name=period["periodname"])
    key = external(ns, "period-1")["id"]
    for answer in (
        ns.call("PATCH", f"/record/v1/timeBill/{key}", json={"hours": "1:00"}, headers=STRICT),
        ns.call("PATCH", f"/record/v1/timeBill/{key}", json={"tranDate": "2026-11-10"}, headers=STRICT),
        ns.call("DELETE", f"/record/v1/timeBill/{key}"),
    ):
        assert error(answer)[1] == "USER_ERROR"


def test_rate_counts_only_with_override(ns: NetSuite, body: Body) -> None:
    assert ns.put("rate-1", body | {"overrideRate": False}).status_code == 204
    assert "rate" not in external(ns, "rate-1")


def test_patch_by_id_changes_what_it_names(ns: NetSuite, body: Body) -> None:
    ns.put("patch-1", body)
    before = external(ns, "patch-1")
    answer = ns.call(
        "PATCH", f"/record/v1/timeBill/{before['id']}", json={"hours": "0:20", "memo": None}, headers=STRICT
    )
    after = external(ns, "patch-1")
    assert answer.status_code == 204
    assert (after["hours"], after["rate"], "memo" in after) == ("0:20", before["rate"], False)
    [row] = ns.rows("select hours, memo from timebill where externalid = 'patch-1'")
    assert row == {"hours": "0.3333333333"}


def test_deleted_row_is_gone_and_its_id_is_not_given_again(ns: NetSuite, body: Body) -> None:
    ns.put("del-1", body)
    key = external(ns, "del-1")["id"]
    assert ns.call("DELETE", f"/record/v1/timeBill/{key}").status_code == 204
    for method in ("GET", "DELETE", "PATCH"):
        answer = ns.call(method, f"/record/v1/timeBill/{key}", **({"json": {}} if method == "PATCH" else {}))
        assert error(answer)[:2] == (404, "NONEXISTENT_ID")
    ns.put("del-1", body)
    assert int(external(ns, "del-1")["id"]) > int(key)


def test_billed_row_can_be_neither_deleted_nor_changed_until_its_invoice_is_void(
    firm: Firm, ns: NetSuite, body: Body
) -> None:
    ns.put("bill-1", body)
    key = external(ns, "bill-1")["id"]
    drafted = firm.change("erp_invoice_draft", count=1_000)
    assert key in drafted["rows"]
    invoices = {
        invoice: ns.call("GET", f"/record/v1/invoice/{invoice}", params={"expandSubResources": "true"}).json()
        for invoice in drafted["invoices"]
    }
    own = next(i for i, found in invoices.items() if key in {line["doc"] for line in found["time"]["items"]})
    for status in ("Pending Approval", "Open", "Paid In Full"):
        assert ns.call("GET", f"/record/v1/invoice/{own}").json()["status"]["refName"] == status
        assert error(ns.call("DELETE", f"/record/v1/timeBill/{key}"))[:2] == (400, "USER_ERROR")
        assert error(ns.put("bill-1", body | {"hours": "1:00"}))[:2] == (400, "USER_ERROR")
        verb = {"Pending Approval": "erp_invoice_post", "Open": "erp_invoice_pay"}.get(status)
        if verb:
            assert firm.change(verb, invoice_id=own)["invoices"] == [own]
    ns.put("bill-2", body)
    key = external(ns, "bill-2")["id"]
    [again] = firm.change("erp_invoice_draft", count=1)["invoices"]
    assert firm.change("erp_invoice_cancel", invoice_id=again)["rows"] == [key]
    assert ns.call("DELETE", f"/record/v1/timeBill/{key}").status_code == 204


def test_invoice_shows_its_lines_and_what_is_left_to_pay(firm: Firm, ns: NetSuite, body: Body) -> None:
    firm.change("erp_invoice_draft", count=100)  # of all other hours: the next invoice is this hour's alone
    ns.put("inv-1", body | {"hours": "0:50", "rate": 99.99})
    [invoice] = firm.change("erp_invoice_draft", count=1)["invoices"]
    firm.change("erp_invoice_post", invoice_id=invoice)
    shown = ns.call("GET", f"/record/v1/invoice/{invoice}", params={"expandSubResources": "true"}).json()
    [line] = shown["time"]["items"]
    assert (line["doc"], line["apply"], line["rate"]) == (external(ns, "inv-1")["id"], True, 99.99)
    assert (shown["total"], shown["amountRemaining"]) == (83.33, 83.33)
    bare = ns.call("GET", f"/record/v1/invoice/{invoice}").json()
    assert "items" not in bare["time"]
    firm.change("erp_invoice_pay", invoice_id=invoice)
    [row] = ns.rows(
        "select type, status, voided, foreigntotal, foreignamountunpaid, BUILTIN.DF(currency) as code"
        " from transaction where id = ?",
        invoice,
    )
    assert (row["type"], row["status"], row["foreigntotal"], row["foreignamountunpaid"]) == (
        "CustInvc",
        "B",
        "83.33",
        "0",
    )
    assert row["code"] in {"USD", "GBP", "EUR"}


def test_posted_row_cannot_be_deleted(firm: Firm, ns: NetSuite, body: Body) -> None:
    ns.put("posted-1", body)
    key = external(ns, "posted-1")["id"]
    firm.change("erp_post_time", row_id=key)
    assert error(ns.call("DELETE", f"/record/v1/timeBill/{key}"))[:2] == (400, "USER_ERROR")


def test_only_time_rows_can_be_written(ns: NetSuite) -> None:
    answer = ns.call("POST", "/record/v1/customer", json={"companyName": "x"})
    assert error(answer)[:2] == (403, "INSUFFICIENT_PERMISSION")


def test_body_that_is_no_json_is_refused(ns: NetSuite) -> None:
    answer = ns.call(
        "PUT", "/record/v1/timeBill/eid:x", content=b'{"hours"', headers={"Content-Type": "application/json"}
    )
    assert error(answer)[:2] == (400, "INVALID_CONTENT")
    batch = {"Content-Type": "application/vnd.oracle.resource+json; type=collection"}
    assert ns.call("PUT", "/record/v1/timeBill/eid:x", content=b"{}", headers=batch).status_code == 415


# -- hands, lost answers, late commits --------------------------------------------------------------------------------


def test_answer_lost_after_commit_has_committed(firm: Firm, ns: NetSuite, body: Body) -> None:
    firm["netsuite"].fault("drop_after", method="PUT", path="eid:lost-1")
    with pytest.raises(httpx.TransportError):
        ns.put("lost-1", body)
    assert external(ns, "lost-1")["hours"] == "7:30"


def test_rows_changed_and_entered_by_hand_are_seen(firm: Firm, ns: NetSuite, body: Body) -> None:
    ns.put("hand-1", body)
    key = external(ns, "hand-1")["id"]
    firm.change("erp_change_hours", row_id=key, minutes=45)
    firm.change("erp_change_amount", row_id=key, rate="12.50")
    assert (external(ns, "hand-1")["hours"], external(ns, "hand-1")["rate"]) == ("0:45", 12.5)
    [foreign] = firm.change("erp_foreign_row")["rows"]
    assert "externalId" not in ns.record(foreign)
    firm.change("erp_delete_row", row_id=key)
    assert ns.call("GET", f"/record/v1/timeBill/{key}").status_code == 404
    assert firm.change("erp_delete_row", row_id=key) == {"rows": []}


def test_backdated_change_is_stamped_before_what_was_read(firm: Firm, ns: NetSuite, body: Body) -> None:
    ns.put("late-1", body)
    firm.change("erp_backdate", seconds=600)
    ns.put("late-2", body)
    ns.put("late-3", body)
    stamps = [external(ns, f"late-{n}")["lastModifiedDate"] for n in (1, 2, 3)]
    assert stamps[1] < stamps[0] <= stamps[2]


def test_holdings_count_what_is_there(firm: Firm, ns: NetSuite, body: Body) -> None:
    ns.put("hold-1", body)
    held = firm["netsuite"].holdings(rows="true")
    assert sum(month["rows"] for month in held["months"]) == len(held["rows"])
    assert any(row["externalid"] == "hold-1" and row["minutes"] == 450 for row in held["rows"])


# -- reading ----------------------------------------------------------------------------------------------------------


def test_list_gives_ids_and_links_alone(ns: NetSuite) -> None:
    page = ns.call("GET", "/record/v1/timebill", params={"limit": 5}).json()
    assert all(item.keys() == {"links", "id"} for item in page["items"])
    assert (page["count"], page["hasMore"], page["offset"]) == (5, True, 0)
    following = next(link["href"] for link in page["links"] if link["rel"] == "next")
    assert ns.http.get(following).json()["offset"] == 5


@pytest.mark.parametrize(
    ("query", "pointed"),
    [
        ({"limit": 1001}, "limit"), ({"limit": 0}, "limit"), ({"limit": 10, "offset": 15}, "offset"),
        ({"limit": 1, "offset": 1000}, "offset"), ({"limit": "x"}, "limit"),
    ],
)  # fmt: skip
def test_paging_outside_the_rules_is_refused(ns: NetSuite, query: Body, pointed: str) -> None:
    answer = ns.call("GET", "/record/v1/timeBill", params=query)
    assert error(answer)[:2] == (400, "INVALID_PARAMETER")
    assert answer.json()["o:errorDetails"][0]["o:errorQueryParam"] == pointed


def test_q_selects_by_the_accounts_own_date_format(ns: NetSuite, body: Body) -> None:
    ns.put("q-1", body | {"tranDate": "2026-11-11"})
    wanted = ns.call(
        "GET", "/record/v1/timeBill", params={"q": 'tranDate ON "11/11/2026" AND memo START_WITH "approved"'}
    )
    assert external(ns, "q-1")["id"] in {item["id"] for item in wanted.json()["items"]}
    either = {"q": '(tranDate BETWEEN ["1/1/2025", "1/2/2025"] OR externalId IS "q-1") AND isBillable IS true'}
    assert [i["id"] for i in ns.call("GET", "/record/v1/timeBill", params=either).json()["items"]] == [
        external(ns, "q-1")["id"]
    ]
    wrong = ns.call("GET", "/record/v1/timeBill", params={"q": 'lastModifiedDate AFTER "2026-11-01"'})
    assert error(wrong)[1] == "INVALID_PARAMETER"
    assert "failed with date format" in error(wrong)[2]


@pytest.mark.parametrize(
    "q", ["nowhere IS 1", 'memo AFTER "1/1/2026"', "tranDate ON", '(memo IS "x"', "id ANY_OF [1, 2"]
)
def test_q_that_cannot_be_read_is_refused(ns: NetSuite, q: str) -> None:
    assert error(ns.call("GET", "/record/v1/timeBill", params={"q": q}))[:2] == (400, "INVALID_PARAMETER")


def test_get_shows_chosen_fields_and_plain_enums_when_asked(ns: NetSuite, body: Body) -> None:
    ns.put("get-1", body)
    path = "/record/v1/TIMEBILL/eid:get-1"
    assert ns.call("GET", path, params={"fields": "hours"}).json().keys() == {"links", "id", "hours"}
    assert ns.call("GET", path, params={"simpleEnumFormat": "true"}).json()["timeType"] == "A"
    assert error(ns.call("GET", path, params={"fields": "nope"}))[1] == "INVALID_PARAMETER"


def test_what_is_not_there_is_404(ns: NetSuite) -> None:
    assert error(ns.call("GET", "/record/v1/timeBill/1"))[:2] == (404, "NONEXISTENT_ID")
    assert error(ns.call("GET", "/record/v1/timeBill/eid:nobody"))[:2] == (404, "NONEXISTENT_ID")
    assert error(ns.call("GET", "/record/v1/unicorn/1"))[0] == 404
    assert error(ns.call("DELETE", "/query/v1/suiteql"))[0] == 405


def test_metadata_names_the_fields_of_a_record(ns: NetSuite) -> None:
    names = {item["name"] for item in ns.call("GET", "/record/v1/metadata-catalog").json()["items"]}
    assert {"timeBill", "invoice", "employee", "job", "projectTask"} <= names
    fields = ns.call("GET", "/record/v1/metadata-catalog/timeBill").json()["properties"]
    assert fields["isBillable"]["type"] == "boolean"


# -- jobs and limits --------------------------------------------------------------------------------------------------


def _wait_for(ns: NetSuite, job: str) -> None:
    limit = time.monotonic() + 10
    while not ns.http.get(job).json()["completed"]:
        assert time.monotonic() < limit, "the job did not run"


def test_async_call_is_a_job_with_a_result(firm: Firm, ns: NetSuite, body: Body) -> None:
    accepted = ns.put("job-1", body, Prefer="respond-async")
    assert (accepted.status_code, accepted.headers["preference-applied"]) == (202, "respond-async")
    origin = ns.base.removesuffix("/services/rest")
    job = origin + accepted.headers["location"]
    _wait_for(ns, job)
    assert ns.http.get(f"{job}/task").json()["items"][0]["id"] == "1"
    task = ns.http.get(f"{job}/task/1").json()
    assert (task["progress"], task["completed"]) == ("succeeded", True)
    assert ns.http.get(f"{job}/task/1/result").status_code == 204
    assert external(ns, "job-1")["hours"] == "7:30"
    assert ns.http.get(f"{origin}/services/rest/async/v1/job/999").status_code == 404


def test_refused_job_keeps_the_refusal_as_its_result(ns: NetSuite, body: Body) -> None:
    accepted = ns.put("job-2", body | {"item": {"id": "99999999"}}, Prefer="respond-async")
    job = ns.base.removesuffix("/services/rest") + accepted.headers["location"]
    _wait_for(ns, job)
    assert ns.http.get(f"{job}/task/1").json()["progress"] == "failed"
    assert error(ns.http.get(f"{job}/task/1/result"))[1] == "INVALID_CONTENT"


def test_idempotency_key_is_honoured_for_jobs_alone(ns: NetSuite, body: Body) -> None:
    key = {"X-NetSuite-Idempotency-Key": "5f7c2b8e-0001"}
    first = ns.put("idem-1", body, Prefer="respond-async", **key)
    again = ns.put("idem-1", body, Prefer="respond-async", **key)
    assert error(again)[:2] == (400, "IDEMPOTENCY_ERROR")
    assert again.json()["title"] == "Conflict"
    assert again.headers["location"] == first.headers["location"]
    for _ in range(2):
        answer = ns.call("POST", "/record/v1/timeBill", json=body, headers={**STRICT, **key})
        assert answer.status_code == 204


def test_sixteenth_call_at_once_is_refused_without_saying_how_long(firm: Firm, ns: NetSuite) -> None:
    firm["netsuite"].fault("delay", times=None, seconds=1.0, path="metadata-catalog")

    async def burst() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(auth=Signed(ns.address), limits=limits, timeout=30, trust_env=False) as client:
            return await asyncio.gather(*(client.get(f"{ns.base}/record/v1/metadata-catalog") for _ in range(18)))

    answers = asyncio.run(burst())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(answers) - len(refused), len(refused)) == (15, 3)
    assert error(refused[0])[:3] == (
        429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked."
    )  # fmt: skip
    assert refused[0].json()["title"] == "Bad Request"
    assert "retry-after" not in refused[0].headers


def test_raised_allowance_admits_more_at_once(firm: Firm) -> None:
    control = firm["netsuite"]
    assert control.get("allowance")["concurrency"]["allowed"] == 15
    assert control.post("allowance", {"factor": 4})["concurrency"]["allowed"] == 60
    control.post("allowance", {"factor": 1})


def test_flag_admits_negative_hours(make_firm: Callable[..., Firm], body: Body) -> None:
    firm = make_firm(seed=7, entries=300, only="netsuite", unconfirmed="netsuite_negative_hours")
    caller = NetSuite(firm.addresses["netsuite"])
    assert caller.put("minus-1", body | {"hours": "-1:30"}).status_code == 204
    assert external(caller, "minus-1")["hours"] == "-1:30"
    assert caller.rows("select hours from timebill where externalid = 'minus-1'") == [{"hours": "-1.5"}]
    caller.http.close()
