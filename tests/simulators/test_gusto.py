"""The payroll account by raw HTTP: each refusal and each limit that its documents name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import simulators.gusto as gusto
from tests.simulators.loopback import Vendor, serve
from tests.simulators.tiny_firm import SCHEDULE, tiny_firm

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

ANA, BEN = "e0000000-0000-4000-8000-000000000101", "e0000000-0000-4000-8000-000000000102"
ANAS_JOB, BENS_JOB = "a0000000-0000-4000-8000-000000000101", "a0000000-0000-4000-8000-000000000102"
OPEN_PAYROLL, PROCESSED_PAYROLL = (f"b0000000-0000-4000-8000-00000000000{n}" for n in (3, 2))
SYNCS = "time_tracking/payroll_syncs"
PERIOD = {
    "kind": "regular",
    "pay_schedule_uuid": SCHEDULE,
    "pay_period_start_date": "2026-11-01",
    "pay_period_end_date": "2026-11-15",
}


class Account:
    """The vendor with the paths of its one company."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.http = vendor.http
        self.company = f"/v1/companies/{vendor.description['options']['company_uuid']}"
        self.http.headers["Authorization"] = f"Bearer {vendor.secrets['access_token']}"
        self.http.headers["X-Gusto-API-Version"] = "2025-06-15"

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.http.get(f"{self.company}/{path}", params=query)

    def create(self, **changes: Any) -> httpx.Response:
        body = {
            "entity_uuid": ANA,
            "entity_type": "Employee",
            "job_uuid": ANAS_JOB,
            "time_zone": "America/New_York",
            "shift_started_at": "2026-11-03T14:00:00Z",
            "shift_ended_at": "2026-11-03T22:00:00Z",
            "metadata": {"dw_key": "k-1"},
            "entries": [{"hours_worked": 8.0, "pay_classification": "Regular"}],
        } | changes
        body = {name: value for name, value in body.items() if value != "(absent)"}
        return self.http.post(f"{self.company}/time_tracking/time_sheets", json=body)

    def sheet(self, **changes: Any) -> dict[str, Any]:
        response = self.create(**changes)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    def read(self, sheet: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(path_of(sheet)).json()
        return found

    def sync(self, **changes: Any) -> httpx.Response:
        return self.http.post(f"{self.company}/{SYNCS}", json=PERIOD | changes)

    def synced(self) -> dict[str, Any]:
        started = self.sync()
        assert started.status_code == 202, started.text
        path = f"/v1/time_tracking/payroll_syncs/{started.json()['uuid']}"
        statuses = [started.json()["status"]] + [self.http.get(path).json()["status"] for _ in range(2)]
        assert statuses[:2] == ["pending", "in_progress"]
        final: dict[str, Any] = self.http.get(path).json()
        return final


@pytest.fixture
def account(tmp_path) -> Iterator[Account]:
    with serve(gusto, tiny_firm(), tmp_path) as vendor:
        yield Account(vendor)


def path_of(sheet: dict[str, Any]) -> str:
    return f"/v1/time_tracking/time_sheets/{sheet['uuid']}"


def fault_of(response: httpx.Response) -> tuple[int, str, str]:
    fault = response.json()["errors"][0]
    assert fault["message"]
    return response.status_code, fault["error_key"], fault["category"]


# --- sign-in, version, scope (C1.1, C1.2)


def test_a_bad_token_is_401_invalid_token(account):
    account.http.headers["Authorization"] = "Bearer nonsense"
    assert fault_of(account.get("employees")) == (401, "request", "invalid_token")


def test_a_refresh_rotates_the_refresh_token(account):
    secrets = account.vendor.secrets
    form = {name: secrets[name] for name in ("client_id", "client_secret", "refresh_token")}
    form["grant_type"] = "refresh_token"
    account.vendor.change("gusto_end_tokens")
    assert account.get("employees").status_code == 401
    fresh = account.http.post("/oauth/token", json=form).json()
    assert fresh["token_type"] == "bearer"
    assert fresh["refresh_token"] != secrets["refresh_token"]
    account.http.headers["Authorization"] = f"Bearer {fresh['access_token']}"
    asked_again = account.http.post("/oauth/token", data=form)  # the first answer may have been lost
    assert asked_again.status_code == 200
    assert account.get("employees").status_code == 200
    used_up = account.http.post("/oauth/token", data=form)
    assert (used_up.status_code, used_up.json()["error"]) == (400, "invalid_grant")
    assert account.http.post("/oauth/token", data=form | {"refresh_token": fresh["refresh_token"]}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_refused_token_request_names_the_oauth_error(account, changes, status, error):
    form = {**account.vendor.secrets, "grant_type": "refresh_token"} | changes
    response = account.http.post("/oauth/token", data=form)
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_an_access_token_ends(account):
    account.vendor.change("gusto_settings", token_seconds=-1)
    form = {**account.vendor.secrets, "grant_type": "refresh_token"}
    token = account.http.post("/oauth/token", data=form).json()["access_token"]
    account.http.headers["Authorization"] = f"Bearer {token}"
    assert fault_of(account.get("employees"))[0] == 401


@pytest.mark.parametrize("version", ["2024-04-01", "2019-01-01", "latest"])
def test_a_wrong_version_is_406(account, version):
    account.http.headers["X-Gusto-API-Version"] = version
    assert fault_of(account.get("employees")) == (406, "request", "invalid_api_version")


def test_no_version_is_the_minimum_version(account):
    del account.http.headers["X-Gusto-API-Version"]
    assert account.get("employees").status_code == 200


def test_the_old_version_is_served_behind_its_flag(tmp_path):
    with serve(gusto, tiny_firm(), tmp_path, frozenset({"gusto_version_2024_04_01"})) as vendor:
        account = Account(vendor)
        account.http.headers["X-Gusto-API-Version"] = "2024-04-01"
        assert account.get("employees").status_code == 200


def test_another_company_is_403_and_an_unknown_one_404(account):
    other = account.vendor.app.authenticate.__self__.company.other_company_uuid
    assert fault_of(account.http.get(f"/v1/companies/{other}/employees")) == (403, "request", "missing_permissions")
    unknown = account.http.get("/v1/companies/00000000-0000-4000-8000-000000000000/employees")
    assert fault_of(unknown) == (404, "request", "not_found")
    assert fault_of(account.http.get("/v1/nowhere")) == (404, "request", "not_found")


def test_a_missing_scope_is_403(account):
    account.vendor.change("gusto_settings", scopes=["time_sheet:read"])
    assert fault_of(account.create()) == (403, "request", "missing_permissions")
    assert account.get("time_tracking/time_sheets").status_code == 200


# --- rate (C1.7)


def test_the_201st_call_in_a_minute_is_429_with_its_headers(account):
    answers = [account.get("pay_schedules") for _ in range(200)]
    assert {a.status_code for a in answers} == {200}
    assert answers[0].headers["X-RateLimit-Limit"] == "200"
    assert answers[0].headers["X-RateLimit-Remaining"] == "199"
    refused = account.get("pay_schedules")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", refused.headers["X-RateLimit-Reset"])


# --- reading (C1.3)


def test_employees_are_those_on_this_payroll(account):
    people = account.get("employees").json()
    assert [p["employee_code"] for p in people] == ["E00101", "E00102"]
    ana = people[0]
    assert (ana["uuid"], ana["first_name"], ana["last_name"]) == (ANA, "Ana", "Müller")
    assert ana["jobs"][0]["uuid"] == ANAS_JOB
    assert ana["jobs"][0]["primary"] is True
    assert re.fullmatch(r"[0-9a-f]{32}", ana["version"])


def test_lists_page_by_headers_over_bare_arrays(account):
    for _ in range(3):
        account.sheet()
    page = account.get("time_tracking/time_sheets", per="2", page="2")
    assert len(page.json()) == 1
    names = ("X-Page", "X-Per-Page", "X-Total-Count", "X-Total-Pages")
    assert [page.headers[name] for name in names] == ["2", "2", "3", "2"]
    assert account.get("time_tracking/time_sheets", per="500").headers["X-Per-Page"] == "100"
    assert account.get("time_tracking/time_sheets").headers["X-Per-Page"] == "25"
    assert account.get("time_tracking/time_sheets", page="0").status_code == 422
    assert fault_of(account.get("employees", colour="red")) == (422, "colour", "invalid_attribute_value")


def test_payrolls_default_to_processed_ones_up_to_today(account):
    assert [p["processed"] for p in account.get("payrolls").json()] == [True, True]
    both = account.get("payrolls", processing_statuses="unprocessed,processed").json()
    assert [p["pay_period"]["start_date"] for p in both] == ["2026-10-01", "2026-10-16", "2026-11-01"]
    ahead = account.get("payrolls", processing_statuses="unprocessed", end_date="2026-12-31", sort_order="desc").json()
    assert [p["pay_period"]["start_date"] for p in ahead] == ["2026-11-16", "2026-11-01"]
    assert "totals" not in both[0]
    assert "totals" in account.get("payrolls", include="totals").json()[0]
    checks = account.get("payrolls", date_filter_by="check_date", start_date="2026-11-05", end_date="2026-11-05").json()
    assert [p["check_date"] for p in checks] == ["2026-11-05"]


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ({"start_date": "2025-01-01", "end_date": "2026-11-01"}, "start_date"),
        ({"processing_statuses": "all"}, "processing_statuses"),
        ({"payroll_types": "weird"}, "payroll_types"),
        ({"start_date": "1.1.2026"}, "start_date"),
    ],
)
def test_a_refused_payroll_list_names_its_parameter(account, query, key):
    assert fault_of(account.get("payrolls", **query)) == (422, key, "invalid_attribute_value")


def test_pay_periods_reach_three_months_ahead_and_no_further(account):
    periods = account.get("pay_periods").json()
    assert [p["start_date"] for p in periods] == ["2026-10-01", "2026-10-16", "2026-11-01", "2026-11-16"]
    assert periods[0]["payroll"]["processed"] is True
    assert account.get("pay_periods", end_date="2027-02-15").status_code == 200
    assert fault_of(account.get("pay_periods", end_date="2027-03-15")) == (422, "end_date", "invalid_attribute_value")


def test_schedules_and_earning_types_are_listed(account):
    assert [s["uuid"] for s in account.get("pay_schedules").json()] == [SCHEDULE]
    assert set(account.get("earning_types").json()) == {"default", "custom"}


# --- time sheets (C1.5)


def test_a_sheet_is_201_with_hours_as_text_and_a_version(account):
    sheet = account.sheet()
    assert sheet["entries"][0]["hours_worked"] == "8.000"
    assert re.fullmatch(r"[0-9a-f]{32}", sheet["version"])
    assert (sheet["metadata"], sheet["synced_to_payroll_at"]) == ({"dw_key": "k-1"}, None)
    assert sheet["shift_started_at"] == "2026-11-03T14:00:00Z"
    assert account.read(sheet) == sheet


def test_the_same_sheet_twice_is_two_sheets(account):
    assert account.sheet()["uuid"] != account.sheet()["uuid"]


def entry(hours: Any, kind: str = "Regular") -> dict[str, Any]:
    return {"hours_worked": hours, "pay_classification": kind}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"entity_uuid": "(absent)"}, "entity_uuid"),
        ({"entity_type": "(absent)"}, "entity_type"),
        ({"time_zone": "(absent)"}, "time_zone"),
        ({"shift_started_at": "(absent)"}, "shift_started_at"),
        ({"colour": "red"}, "colour"),
        ({"entity_uuid": 7}, "entity_uuid"),
        ({"entity_uuid": "e0000000-0000-4000-8000-000000000999"}, "entity_uuid"),
        ({"entity_type": "Contractor"}, "entity_uuid"),
        ({"entity_type": "Robot"}, "entity_type"),
        ({"job_uuid": BENS_JOB}, "job_uuid"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"shift_started_at": "2026-11-03"}, "shift_started_at"),
        ({"shift_started_at": "2026-11-03T14:00:00"}, "shift_started_at"),
        ({"shift_started_at": 1762178400}, "shift_started_at"),
        ({"shift_ended_at": "2026-11-03T13:00:00Z"}, "shift_ended_at"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"entries": "eight"}, "entries"),
    ],
)
def test_a_refused_attribute_is_422_on_its_key(account, changes, key):
    response = account.create(**changes)
    assert fault_of(response) == (422, key, "invalid_attribute_value")
    assert account.get("time_tracking/time_sheets").json() == []


@pytest.mark.parametrize(
    ("bad", "key"),
    [
        (entry(0), "hours_worked"),
        (entry(0.0005), "hours_worked"),
        (entry(-8), "hours_worked"),
        (entry(1.2345), "hours_worked"),
        (entry("8.0"), "hours_worked"),
        (entry(None), "hours_worked"),
        (entry(8, "Holiday"), "pay_classification"),
        ({"hours_worked": 8}, "pay_classification"),
        (entry(8) | {"note": "x"}, "note"),
    ],
)
def test_a_refused_entry_is_nested_under_entries(account, bad, key):
    response = account.create(entries=[entry(1), bad])
    assert fault_of(response) == (422, "entries", "nested_errors")
    assert response.json()["errors"][0]["errors"][0]["error_key"] == key


@pytest.mark.parametrize("hours", [0.001, 7.333, 24, 1e2])
def test_hours_have_a_least_and_three_decimals(account, hours):
    assert account.sheet(entries=[entry(hours)])["entries"][0]["hours_worked"] == f"{hours:.3f}"


def test_limits_of_metadata_are_inclusive(account):
    account.sheet(metadata={f"{n:040d}": "v" * 500 for n in range(50)})


def test_a_body_that_is_no_object_is_422(account):
    response = account.http.post(f"{account.company}/time_tracking/time_sheets", content=b"[1]")
    assert fault_of(response) == (422, "request", "invalid_attribute_value")


def test_an_update_moves_the_version_and_replaces_the_entries(account):
    sheet = account.sheet(entries=[entry(8), entry(1, "Overtime")])
    response = account.http.put(path_of(sheet), json={"version": sheet["version"], "entries": [entry(6.5)]})
    assert response.status_code == 200
    changed = response.json()
    assert [e["hours_worked"] for e in changed["entries"]] == ["6.500"]
    assert changed["version"] != sheet["version"]
    assert changed["metadata"] == sheet["metadata"]


@pytest.mark.parametrize("body", [{}, {"version": "0" * 32}])
def test_a_stale_version_of_a_sheet_is_422_on_version(account, body):
    sheet = account.sheet()
    response = account.http.put(path_of(sheet), json={**body, "entries": [entry(6)]})
    assert fault_of(response) == (422, "version", "invalid_attribute_value")
    assert fault_of(account.http.delete(path_of(sheet), params=body)) == (422, "version", "invalid_attribute_value")
    assert account.read(sheet) == sheet


def test_a_refused_update_changes_nothing(account):
    sheet = account.sheet()
    for change in ({"colour": "red"}, {"entries": [entry(0)]}, {"time_zone": "Mars/Base"}, {"time_zone": None}):
        response = account.http.put(path_of(sheet), json={"version": sheet["version"], **change})
        assert response.status_code == 422
    assert account.read(sheet) == sheet


def test_a_deleted_sheet_disappears(account):
    sheet = account.sheet()
    assert account.http.delete(path_of(sheet), params={"version": sheet["version"]}).status_code == 204
    assert fault_of(account.http.get(path_of(sheet))) == (404, "request", "not_found")
    assert account.get("time_tracking/time_sheets").json() == []


def test_the_list_filters_and_sorts(account):
    first = account.sheet()
    account.vendor.http.post("/_control/clock", json={"advance_seconds": 60})
    second = account.sheet(entity_uuid=BEN, job_uuid=BENS_JOB, shift_started_at="2026-11-02T14:00:00Z")

    def uuids(**query: str) -> list[str]:
        return [s["uuid"] for s in account.get("time_tracking/time_sheets", **query).json()]

    assert uuids(sort_by="updated_at", sort_order="desc") == [second["uuid"], first["uuid"]]
    assert uuids(sort_by="shift_started_at") == [second["uuid"], first["uuid"]]
    assert uuids(entity_uuids=BEN) == [second["uuid"]]
    assert uuids(entity_uuids=f"{ANA},{BEN}", entity_type="Employee") == [first["uuid"], second["uuid"]]
    assert uuids(after=first["created_at"]) == [second["uuid"]]
    assert uuids(before=second["created_at"]) == [first["uuid"]]
    assert uuids(status="pending") == []
    for bad in ({"sort_by": "hours"}, {"status": "lost"}, {"after": "yesterday"}, {"sort_order": "asc,desc"}):
        assert account.get("time_tracking/time_sheets", **bad).status_code == 422


def test_sheets_wait_for_approval_when_the_account_says_so(account):
    account.vendor.change("gusto_settings", auto_approve=False)
    sheets = [account.sheet(), account.sheet()]
    assert {s["status"] for s in sheets} == {"pending"}
    assert account.vendor.change("approve_sheets", count=1)["approved"] == [sheets[0]["uuid"]]
    approved = account.read(sheets[0])
    assert approved["status"] == "approved"
    assert approved["version"] != sheets[0]["version"]
    account.vendor.change("gusto_reject_sheet")
    assert account.read(sheets[1])["status"] == "rejected"


# --- payroll syncs (C1.5, C1.9)


def test_a_sync_carries_approved_sheets_over_and_stamps_them(account):
    sheet = account.sheet()
    elsewhere = account.sheet(shift_started_at="2026-11-17T14:00:00Z", shift_ended_at="2026-11-17T22:00:00Z")
    final = account.synced()
    assert (final["status"], final["errors"], final["warnings"]) == ("success", [], [])
    synced = account.read(sheet)
    assert synced["synced_to_payroll_at"] == "2026-11-16T12:00:00Z"
    assert synced["version"] != sheet["version"]
    assert account.read(elsewhere)["synced_to_payroll_at"] is None
    inputs = account.http.put(f"{account.company}/payrolls/{OPEN_PAYROLL}/prepare").json()["employee_compensations"]
    hours = {(c["employee_uuid"], h["name"]): h["hours"] for c in inputs for h in c["hourly_compensations"]}
    assert hours[ANA, "Regular Hours"] == "8.000"
    assert hours[BEN, "Regular Hours"] == "0.000"


def test_a_shift_late_in_the_evening_falls_on_the_company_s_date(account):
    late = account.sheet(
        time_zone="America/Los_Angeles", shift_started_at="2026-11-16T05:30:00Z", shift_ended_at="2026-11-16T06:30:00Z"
    )  # 21:30 on the 15th in Los Angeles, 00:30 on the 16th for the company in New York
    assert account.sync().status_code == 422
    assert account.read(late)["synced_to_payroll_at"] is None


def test_pending_sheets_are_not_carried_over(account):
    account.vendor.change("gusto_settings", auto_approve=False)
    account.sheet()
    assert fault_of(account.sync()) == (422, "base", "invalid_operation")
    account.vendor.change("approve_sheets")
    assert account.synced()["status"] == "success"


def test_nothing_new_to_sync_is_422(account):
    assert fault_of(account.sync()) == (422, "base", "invalid_operation")
    sheet = account.sheet()
    account.synced()
    assert fault_of(account.sync()) == (422, "base", "invalid_operation")
    current = account.read(sheet)
    account.http.put(path_of(sheet), json={"version": current["version"], "entries": [entry(6)]})
    assert account.read(sheet)["synced_to_payroll_at"] is None
    assert account.synced()["status"] == "success"
    gone = account.read(sheet)
    account.http.delete(path_of(sheet), params={"version": gone["version"]})
    assert account.synced()["status"] == "success"


def test_a_changed_sheet_keeps_its_sync_stamp_behind_the_flag(tmp_path):
    with serve(gusto, tiny_firm(), tmp_path, frozenset({"gusto_sync_stamp_survives_change"})) as vendor:
        account = Account(vendor)
        sheet = account.sheet()
        account.synced()
        version = account.read(sheet)["version"]
        account.http.put(path_of(sheet), json={"version": version, "entries": [entry(6)]})
        assert account.read(sheet)["synced_to_payroll_at"] is not None
        assert account.sync().status_code == 202


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"pay_schedule_uuid": "00000000-0000-4000-8000-000000000000"}, "pay_schedule_uuid"),
        ({"pay_period_end_date": "2026-11-14"}, "pay_period_start_date"),
        ({"kind": "off_cycle"}, "kind"),
        ({"kind": None}, "kind"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_refused_sync_names_its_attribute(account, changes, key):
    account.sheet()
    assert fault_of(account.sync(**changes)) == (422, key, "invalid_attribute_value")


def test_processed_and_running_payrolls_differ_in_words_alone(account):
    account.sheet(shift_started_at="2026-10-20T14:00:00Z", shift_ended_at="2026-10-20T22:00:00Z")  # taken
    frozen = account.sync(pay_period_start_date="2026-10-16", pay_period_end_date="2026-10-31")
    assert fault_of(frozen) == (422, "base", "invalid_operation")
    assert "being processed" not in frozen.json()["errors"][0]["message"]
    account.sheet()
    account.vendor.change("gusto_process_payroll", payroll=OPEN_PAYROLL, status="processing")
    running = account.sync()
    assert fault_of(running) == (422, "base", "invalid_operation")
    assert "being processed" in running.json()["errors"][0]["message"]


def test_a_sheet_in_a_processed_period_is_refused_behind_the_flag(tmp_path):
    with serve(gusto, tiny_firm(), tmp_path, frozenset({"gusto_sheet_in_processed_period_refused"})) as vendor:
        account = Account(vendor)
        response = account.create(shift_started_at="2026-10-20T14:00:00Z", shift_ended_at="2026-10-20T22:00:00Z")
        assert fault_of(response) == (422, "base", "invalid_operation")
        assert account.create().status_code == 201


def test_a_second_sync_of_a_period_that_still_runs_is_a_duplicate(account):
    account.sheet()
    assert account.sync().status_code == 202
    assert fault_of(account.sync()) == (422, "request", "duplicate_operation")


def test_an_employee_who_is_refused_makes_the_sync_partial(account):
    mine, his = account.sheet(), account.sheet(entity_uuid=BEN, job_uuid=BENS_JOB)
    account.vendor.change("gusto_settings", refused_people=["E00102"])
    final = account.synced()
    assert final["status"] == "partial_success"
    assert final["errors"][0]["metadata"] == {"entity_type": "Employee", "entity_uuid": BEN}
    assert account.read(mine)["synced_to_payroll_at"] is not None
    assert account.read(his)["synced_to_payroll_at"] is None
    failed = account.synced()
    assert failed["status"] == "partial_success"


def test_a_sync_of_refused_people_alone_fails(account):
    account.sheet(entity_uuid=BEN, job_uuid=BENS_JOB)
    account.vendor.change("gusto_settings", refused_people=["E00102"])
    assert account.synced()["status"] == "failure"


def test_a_payroll_run_during_a_sync_makes_it_fail(account):
    sheet = account.sheet()
    started = account.sync().json()
    account.vendor.change("gusto_process_payroll", payroll=OPEN_PAYROLL)
    account.vendor.change("gusto_finish_syncs")
    final = account.http.get(f"/v1/time_tracking/payroll_syncs/{started['uuid']}").json()
    assert final["status"] == "failure"
    assert account.read(sheet)["synced_to_payroll_at"] is None


def test_a_sync_ends_by_the_clock_too(account):
    sheet = account.sheet()
    account.sync()
    account.vendor.http.post("/_control/clock", json={"advance_seconds": 30})
    assert (
        account.read(sheet)["synced_to_payroll_at"] == "2026-11-16T12:00:20Z"
    )  # when it was due, not when somebody looked


def test_a_blocked_company_says_why(account):
    account.sheet()
    account.vendor.change("gusto_settings", blocker="needs_onboarding")
    response = account.sync()
    assert fault_of(response) == (422, "base", "payroll_blocker")
    assert response.json()["errors"][0]["metadata"] == {"key": "needs_onboarding"}


def test_a_schedule_without_employees_has_nothing_to_sync(account):
    world = account.vendor.app.world
    for person in world.consultants.values():
        person.gusto_employee_uuid = None
    assert fault_of(account.sync()) == (422, "base", "invalid_operation")


def test_an_unknown_sync_is_404(account):
    assert fault_of(account.http.get("/v1/time_tracking/payroll_syncs/none")) == (404, "request", "not_found")


# --- payroll inputs (C1.5 path 2)


def prepare(account: Account) -> list[dict[str, Any]]:
    response = account.http.put(f"{account.company}/payrolls/{OPEN_PAYROLL}/prepare")
    assert response.status_code == 200, response.text
    assert response.json()["calculated_at"] is None
    found: list[dict[str, Any]] = response.json()["employee_compensations"]
    return found


def put_inputs(account: Account, *items: dict[str, Any], payroll: str = OPEN_PAYROLL) -> httpx.Response:
    return account.http.put(f"{account.company}/payrolls/{payroll}", json={"employee_compensations": list(items)})


def hours_of(version: str, hours: str, **more: Any) -> dict[str, Any]:
    hourly = [{"name": "Regular Hours", "hours": hours, "job_uuid": ANAS_JOB}]
    return {"employee_uuid": ANA, "version": version, "hourly_compensations": hourly, **more}


def test_inputs_are_absolute_and_move_the_version(account):
    version = prepare(account)[0]["version"]
    once = put_inputs(account, hours_of(version, "80.000")).json()["employee_compensations"][0]
    twice = put_inputs(account, hours_of(once["version"], "80.000")).json()["employee_compensations"][0]
    assert twice["hourly_compensations"][0]["hours"] == "80.000"
    assert twice["version"] != once["version"]
    assert prepare(account)[0]["hourly_compensations"][0]["hours"] == "80.000"


def test_inputs_need_a_prepared_payroll(account):
    assert fault_of(put_inputs(account, hours_of("0" * 32, "1"))) == (422, "base", "invalid_operation")


def test_a_stale_input_is_409(account):
    prepare(account)
    assert fault_of(put_inputs(account, hours_of("0" * 32, "1"))) == (409, "base", "invalid_resource_version")


def test_an_unknown_employee_is_422_with_its_metadata(account):
    prepare(account)
    response = put_inputs(account, {"employee_uuid": "nobody", "version": "0"})
    assert fault_of(response) == (422, "employee_uuids", "invalid_attribute_value")
    assert response.json()["errors"][0]["metadata"] == {"entity_type": "Employee", "entity_uuid": "nobody"}


def test_at_most_a_hundred_inputs_in_one_call(account):
    version = prepare(account)[0]["version"]
    response = put_inputs(account, *[hours_of(version, "1")] * 101)
    assert fault_of(response) == (422, "employee_compensations", "invalid_attribute_value")


@pytest.mark.parametrize(
    "item",
    [
        {"colour": "red"},
        {"hourly_compensations": [{"name": "Regular Hours", "hours": 80, "job_uuid": ANAS_JOB}]},
        {"hourly_compensations": [{"name": "Night Hours", "hours": "1", "job_uuid": ANAS_JOB}]},
        {"excluded": "yes"},
        {"fixed_compensations": [{"name": "Bonus", "amount": "lots"}]},
    ],
)
def test_a_refused_input_is_nested_and_changes_nothing(account, item):
    before = prepare(account)
    response = put_inputs(account, {"employee_uuid": ANA, "version": before[0]["version"], **item})
    assert fault_of(response) == (422, "employee_compensations", "nested_errors")
    assert prepare(account) == before


def test_inputs_of_frozen_payrolls_are_refused(account):
    response = account.http.put(f"{account.company}/payrolls/{PROCESSED_PAYROLL}/prepare")
    assert fault_of(response) == (422, "base", "invalid_operation")
    prepare(account)
    account.vendor.change("gusto_process_payroll", payroll=OPEN_PAYROLL)
    assert fault_of(put_inputs(account, hours_of("0", "1"))) == (422, "base", "invalid_operation")
    assert fault_of(account.http.put(f"{account.company}/payrolls/none/prepare")) == (404, "request", "not_found")


def test_preparing_after_the_deadline_moves_check_date_and_deadline(account):
    account.vendor.http.post("/_control/clock", json={"now": "2026-11-19T12:00:00+00:00"})
    response = account.http.put(f"{account.company}/payrolls/{OPEN_PAYROLL}/prepare").json()
    assert (response["check_date"], response["payroll_deadline"]) == ("2026-11-23", "2026-11-20T12:00:00Z")


# --- by hand, from outside the API


def test_hand_made_changes_show_in_the_list_and_the_holdings(account):
    sheet = account.sheet()
    foreign = account.vendor.change("gusto_foreign_sheet", work_date="2026-11-05", hours="4")["created"][0]
    account.vendor.change("gusto_change_sheet", hours="7.5")
    assert account.read(sheet)["entries"][0]["hours_worked"] == "7.500"
    holdings = account.http.get("/_control/holdings").json()
    assert (holdings["sheets"], holdings["hours"]) == (2, "11.500")
    assert {r["uuid"]: r["work_date"] for r in holdings["rows"]} == {sheet["uuid"]: "2026-11-03", foreign: "2026-11-05"}
    assert account.vendor.change("gusto_delete_sheet")["deleted"] == [sheet["uuid"]]
    assert account.http.get(path_of(sheet)).status_code == 404
    assert account.vendor.change("gusto_delete_sheet")["deleted"] == []


def test_a_processed_payroll_shows_so(account):
    account.vendor.change("gusto_process_payroll", payroll=OPEN_PAYROLL, status="processing")
    body = account.get(f"payrolls/{OPEN_PAYROLL}").json()
    assert (body["processed"], body["processing_request"]["status"]) == (False, "submitting")
    done = account.vendor.change("gusto_process_payroll", payroll=OPEN_PAYROLL)
    assert done["period_end"] == ["2026-11-15"]
    body = account.get(f"payrolls/{OPEN_PAYROLL}").json()
    assert (body["processed"], body["processed_date"]) == (True, "2026-11-16")


def test_pages_of_a_long_list_hold_each_sheet_once(account):
    account.vendor.change("gusto_settings", calls_in_a_minute=10_000)
    for _ in range(300):
        account.vendor.change("gusto_foreign_sheet")
    seen = [
        s["uuid"] for n in range(1, 4) for s in account.get("time_tracking/time_sheets", per="100", page=str(n)).json()
    ]
    assert len(seen) == len(set(seen)) == 300
