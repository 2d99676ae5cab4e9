"""Kantata by raw HTTP: sign-in, the envelope, lists and their filters, the feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fixtures.simulators import Firm, start_firm
from tests.simulators.callers import Kantata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERYTHING = "user,workspace,story,role,invoice,active_submission,recent_submission,external_references"
STARRED = {
    "user_id", "workspace_id", "story_id", "role_id", "invoice_id", "active_submission_id", "recent_submission_id",
    "external_reference_ids",
}  # fmt: skip


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    with start_firm(tmp_path_factory.mktemp("kantata"), seed=7, entries=500, only="kantata", allowance=1) as started:
        yield started
        assert started["kantata"].errors() == []


@pytest.fixture
def ka(firm: Firm) -> Iterator[Kantata]:
    caller = Kantata(firm.addresses["kantata"])
    yield caller
    caller.http.close()
    firm["kantata"].clear_faults()


@pytest.fixture
def entries(ka: Kantata) -> list[dict[str, Any]]:
    """Every entry, those of archived projects too."""
    return ka.all("time_entries", from_archived_workspaces="true", include=EVERYTHING)


def failure(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, type and field of a refusal."""
    [entry] = answer.json()["errors"]
    return answer.status_code, entry["type"], entry.get("field")


# -- sign-in and errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nobody"}, {"Authorization": "Basic eDp5"}])
def test_call_without_a_token_is_refused(ka: Kantata, headers: dict[str, str]) -> None:
    answer = httpx.get(ka.base + "/users", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.json() == {"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]}


def test_revoked_token_is_refused_for_good(firm: Firm, ka: Kantata) -> None:
    firm["kantata"].fault("revoke")
    assert failure(ka.call("GET", "/users"))[:2] == (401, "oauth")
    assert failure(ka.call("GET", "/users"))[:2] == (401, "oauth")


def test_token_does_not_expire(firm: Firm, ka: Kantata) -> None:
    now = firm["kantata"].get("clock")["now"]
    firm["kantata"].post("clock", {"advance_seconds": 86_400 * 900})
    assert ka.call("GET", "/users").status_code == 200
    firm["kantata"].post("clock", {"now": now})


def test_rate_limit_answers_429_without_saying_how_long(make_firm: Callable[..., Firm]) -> None:
    limited = make_firm(seed=7, entries=50, only="kantata", allowance=1, unconfirmed="kantata_rate_limit")
    caller = Kantata(limited.addresses["kantata"])
    statuses = [caller.call("GET", "/roles").status_code for _ in range(1_000)]
    answer = caller.call("GET", "/roles")
    assert set(statuses) == {200}
    assert failure(answer)[:2] == (429, "system")
    assert not {"retry-after", "x-ratelimit-remaining"} & set(answer.headers)
    limited["kantata"].post("allowance", {"factor": 3})
    assert caller.call("GET", "/roles").status_code == 200
    caller.http.close()


def test_unknown_path_and_id_are_404_and_every_answer_is_named(ka: Kantata) -> None:
    for path in ("/unicorns", "/time_entries/1", "/users/abc", "/workspaces/1", "/roles/99999999"):
        answer = ka.call("GET", path)
        assert failure(answer)[0] == 404
        assert answer.headers["x-request-id"]
    assert ka.call("DELETE", "/users").status_code == 405


# -- envelope and paging ----------------------------------------------------------------------------------------------


def test_envelope_is_keyed_by_id_and_ordered_by_results(ka: Kantata) -> None:
    body = ka.page("time_entries", per_page=3, include="user")
    assert body.keys() == {"count", "meta", "results", "time_entries", "users"}
    assert body["meta"] == {
        "count": body["count"], "page_count": -(-body["count"] // 3), "page_number": 1, "page_size": 3
    }  # fmt: skip
    assert [one["key"] for one in body["results"]] == ["time_entries"] * 3
    assert {one["id"] for one in body["results"]} == body["time_entries"].keys()
    entry = body["time_entries"][body["results"][0]["id"]]
    assert entry["user_id"] in body["users"]
    assert isinstance(entry["id"], str)
    assert isinstance(entry["time_in_minutes"], int)


def test_id_fields_stand_there_only_when_included(ka: Kantata) -> None:
    bare = ka.page("time_entries", per_page=1)
    full = ka.page("time_entries", per_page=1, include=EVERYTHING)
    [entry], [complete] = bare["time_entries"].values(), full["time_entries"].values()
    assert not STARRED & entry.keys()
    assert complete.keys() - entry.keys() == STARRED
    assert bare.keys() == {"count", "meta", "results", "time_entries"}


def test_pages_join_to_the_whole_by_either_way(ka: Kantata) -> None:
    by_page = [entry["id"] for entry in ka.all("time_entries")]
    by_offset: list[str] = []
    while len(by_offset) < len(by_page):
        body = ka.page("time_entries", limit=150, offset=len(by_offset))
        by_offset += [one["id"] for one in body["results"]]
    assert by_offset == by_page
    assert len(set(by_page)) == len(by_page)


def test_a_page_holds_20_by_default_and_200_at_most(ka: Kantata) -> None:
    assert len(ka.page("time_entries")["results"]) == 20
    body = ka.page("time_entries", per_page=500)
    assert (len(body["results"]), body["meta"]["page_size"]) == (200, 200)


def test_json_suffix_is_accepted(ka: Kantata) -> None:
    assert ka.call("GET", "/users.json").json() == ka.call("GET", "/users").json()
    key = ka.page("users", per_page=1)["results"][0]["id"]
    assert ka.call("GET", f"/users/{key}.json").status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"nonsense": 1}, "nonsense"), ({"per_page": 0}, "per_page"), ({"page": "x"}, "page"),
        ({"include": "nobody"}, "include"), ({"order": "notes"}, "order"), ({"order": "updated_at:up"}, "order"),
        ({"approved": "maybe"}, "approved"), ({"updated_after": "yesterday"}, "updated_after"),
        ({"date_performed_between": "2026-01-01"}, "date_performed_between"),
        ({"date_performed_between": "2026-13-01:2026-01-01"}, "date_performed_between"),
        ({"workspace_id": "seven"}, "workspace_id"), ({"only": "a"}, "only"), ({"optional_fields": "x"}, "optional_fields"),
        ({"external_reference_service_model_refs": "4294967296"}, "external_reference_service_model_refs"),
        ({"external_reference_service_model_refs": "lab-1"}, "external_reference_service_model_refs"),
        ({"external_reference_service_model_refs": ",".join(["1"] * 201)}, "external_reference_service_model_refs"),
    ],
)  # fmt: skip
def test_parameter_that_cannot_be_is_refused(ka: Kantata, query: dict[str, Any], field: str) -> None:
    assert failure(ka.call("GET", "/time_entries", params=query)) == (422, "validation", field)


# -- filters ----------------------------------------------------------------------------------------------------------


def test_time_of_archived_projects_is_hidden_by_default(ka: Kantata, entries: list[dict[str, Any]]) -> None:
    archived = {w["id"] for w in ka.all("workspaces") if w["archived"]}
    hidden = {e["id"] for e in entries if e["workspace_id"] in archived}
    assert hidden
    assert {e["id"] for e in ka.all("time_entries")} == {e["id"] for e in entries} - hidden
    key = hidden.pop()
    assert ka.call("GET", f"/time_entries/{key}").status_code == 404
    assert ka.page("time_entries", only=key)["count"] == 0
    assert ka.call("GET", f"/time_entries/{key}", params={"from_archived_workspaces": "true"}).status_code == 200


def test_only_leaves_out_what_is_not_there(ka: Kantata, entries: list[dict[str, Any]]) -> None:
    keys = [entries[0]["id"], entries[1]["id"]]
    body = ka.page("time_entries", only=",".join([*keys, "1"]), from_archived_workspaces="true")
    assert set(body["time_entries"]) == set(keys)


@pytest.mark.parametrize(
    ("query", "keeps"),
    [
        ({"approved": "true"}, lambda e: e["approved"]),
        ({"approved": "false"}, lambda e: not e["approved"]),
        ({"billable": "false"}, lambda e: not e["billable"]),
        ({"invoiced": ""}, lambda e: e["is_invoiced"]),
        ({"uninvoiced": ""}, lambda e: not e["is_invoiced"]),
        ({"in_active_submission": "true"}, lambda e: e["active_submission_id"] is not None),
        ({"in_active_submission": "false"}, lambda e: e["active_submission_id"] is None),
        ({"date_performed_between": "2026-10-05:2026-10-11"}, lambda e: "2026-10-05" <= e["date_performed"] <= "2026-10-11"),
        ({"updated_after": "2026-10-09T12:00:00Z"}, lambda e: e["updated_at"] > "2026-10-09T12:00:00Z"),
        ({"updated_before": "2026-10-09T12:00:00+00:00"}, lambda e: e["updated_at"] < "2026-10-09T12:00:00Z"),
        ({"created_after": "2026-10-09T14:00:00+02:00"}, lambda e: e["created_at"] > "2026-10-09T12:00:00Z"),
        ({"created_before": "2026-10-09"}, lambda e: e["created_at"] < "2026-10-09T00:00:00Z"),
    ],
)  # fmt: skip
def test_filter_keeps_what_it_says(
    ka: Kantata, entries: list[dict[str, Any]], query: dict[str, str], keeps: Callable[[dict[str, Any]], bool]
) -> None:
    found = {e["id"] for e in ka.all("time_entries", from_archived_workspaces="true", **query)}
    assert found == {e["id"] for e in entries if keeps(e)}


def test_filters_by_record_keep_their_own(ka: Kantata, entries: list[dict[str, Any]]) -> None:
    one = next(e for e in entries if e["recent_submission_id"])
    for name, field in (
        ("workspace_id", "workspace_id"),
        ("with_user_ids", "user_id"),
        ("with_timesheet_id", "recent_submission_id"),
    ):
        found = ka.all("time_entries", from_archived_workspaces="true", **{name: one[field]})
        assert {e["id"] for e in found} == {e["id"] for e in entries if e[field] == one[field]}


def test_order_is_as_asked_and_by_date_otherwise(ka: Kantata) -> None:
    dates = [e["date_performed"] for e in ka.all("time_entries")]
    assert dates == sorted(dates, reverse=True)
    stamps = [e["updated_at"] for e in ka.all("time_entries", order="updated_at:asc")]
    assert stamps == sorted(stamps)


def test_entry_of_a_project_without_approvals_is_approved_without_a_submission(
    ka: Kantata, entries: list[dict[str, Any]]
) -> None:
    free = {w["id"] for w in ka.all("workspaces") if not w["require_time_approvals"]}
    own = [e for e in entries if e["workspace_id"] in free]
    assert own
    assert all(e["approved"] and e["recent_submission_id"] is None for e in own)


def test_submissions_filter_says_new_where_the_body_says_pending(ka: Kantata) -> None:
    everything = ka.all("timesheet_submissions", include="time_entries")
    new = ka.all("timesheet_submissions", statuses="new")
    assert {s["status"] for s in new} == {"pending"}
    assert {s["id"] for s in new} == {s["id"] for s in everything if s["status"] == "pending"}
    two = ka.all("timesheet_submissions", statuses="rejected,cancelled")
    assert {s["id"] for s in two} == {s["id"] for s in everything if s["status"] in {"rejected", "cancelled"}}
    assert failure(ka.call("GET", "/timesheet_submissions", params={"statuses": "pending"}))[2] == "statuses"


def test_submission_is_one_week_of_one_person_on_one_project(ka: Kantata, entries: list[dict[str, Any]]) -> None:
    known = {e["id"]: e for e in entries}
    submissions = ka.all("timesheet_submissions", include="time_entries")
    assert any(s["time_entry_ids"] for s in submissions)
    for s in submissions:
        assert s["start_date"] <= s["end_date"]
        for key in s["time_entry_ids"]:
            entry = known[key]
            assert (entry["user_id"], entry["workspace_id"]) == (s["user_id"], s["workspace_id"])


# -- master data ------------------------------------------------------------------------------------------------------


def test_master_records_point_at_each_other(ka: Kantata, entries: list[dict[str, Any]]) -> None:
    users = {u["id"] for u in ka.all("users")}
    workspaces = {w["id"]: w for w in ka.all("workspaces", include="rate_card", optional_fields="lock_date")}
    stories = {s["id"]: s["workspace_id"] for s in ka.all("stories")}
    roles = {r["id"] for r in ka.all("roles")}
    cards = {c["id"]: c for c in ka.all("rate_cards")}
    assert set(stories.values()) == set(workspaces)
    assert {w["status"]["message"] for w in workspaces.values()} <= {"Active", "Closed"}
    assert all("lock_date" in w for w in workspaces.values())
    for entry in entries:
        assert entry["user_id"] in users
        assert entry["role_id"] in roles
        if entry["workspace_id"] in workspaces:
            assert stories[entry["story_id"]] == entry["workspace_id"]
    assert {w["rate_card_id"] for w in workspaces.values()} - {None} <= set(cards)
    versions = {v["id"]: v["rate_card_id"] for v in ka.all("rate_card_versions")}
    sets = {v["id"]: v for v in ka.all("rate_card_set_versions")}
    rates = ka.all("rate_card_roles")
    assert rates
    for rate in rates:
        card = cards[versions[rate["rate_card_version_id"]]]
        assert sets[card["rate_card_set_version_id"]]["effective_date"] <= "2026-11-16"
        assert isinstance(rate["rate"], int)


def test_deleted_project_is_gone_while_its_time_is_still_listed(ka: Kantata, entries: list[dict[str, Any]]) -> None:
    known = {w["id"] for w in ka.all("workspaces")}
    orphans = [e for e in entries if e["workspace_id"] not in known]
    assert orphans
    assert ka.call("GET", f"/workspaces/{orphans[0]['workspace_id']}").status_code == 404


def test_records_without_stamps_take_no_filter_by_them(ka: Kantata) -> None:
    for resource in ("users", "roles"):
        answer = ka.call("GET", f"/{resource}", params={"updated_after": "2026-01-01"})
        assert failure(answer) == (422, "validation", "updated_after")
    bound = "2026-06-01T00:00:00Z"
    found = {s["id"] for s in ka.all("stories", updated_after=bound, order="updated_at:desc")}
    assert found == {s["id"] for s in ka.all("stories") if s["updated_at"] > bound}


def test_clients_list_their_projects_and_carry_the_crms_key(ka: Kantata) -> None:
    body = ka.page("workspace_groups", per_page=200, include="workspaces,external_references")
    groups = body["workspace_groups"].values()
    assert any(group["workspace_ids"] for group in groups)
    references = [body["external_references"][key] for g in groups for key in g["external_reference_ids"]]
    assert {(r["service_name"], r["service_model"], r["subject_type"]) for r in references} == {
        ("salesforce", "Account", "WorkspaceGroup")
    }


def test_external_references_of_people_follow_the_firm(ka: Kantata) -> None:
    own = ka.all("external_references", service_name="hris")
    people = {u["id"]: u for u in ka.all("users", include="external_references")}
    assert {r["subject_id"] for r in own} == {key for key, u in people.items() if u["external_reference_ids"]}
    assert all(r["service_model"] == "employee" and r["service_model_ref"].isdigit() for r in own)


# -- feed -------------------------------------------------------------------------------------------------------------


def test_feed_tells_of_nine_days_in_no_order_and_some_twice(firm: Firm, ka: Kantata) -> None:
    events = ka.all("subscribed_events")
    assert events
    stamps = [e["created_at"] for e in events]
    horizon = datetime.fromisoformat(firm["kantata"].get("clock")["now"]).astimezone(UTC) - timedelta(days=9)
    assert min(stamps) >= horizon.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert stamps != sorted(stamps)
    assert stamps != sorted(stamps, reverse=True)
    told = [(e["event_type"], e["subject_id"], e["subject_changed_at"]) for e in events]
    assert len(set(told)) < len(told)


def test_feed_tells_of_changes_whoever_made_them(firm: Firm, ka: Kantata) -> None:
    edited = firm.change("edit", count=1)["entries"]
    deleted = firm.change("delete", count=1)["entries"]
    kinds = "time_entry:updated,time_entry:deleted"
    body = ka.page("subscribed_events", event_types=kinds, most_recent="true", per_page=200, include="subject")
    found = {e["subject_id"]: e for e in body["subscribed_events"].values()}
    changed = found[edited[0]]
    assert changed["payload_changes"]["time_in_minutes"] == [
        changed["previous_payload"]["time_in_minutes"], changed["current_payload"]["time_in_minutes"]
    ]  # fmt: skip
    assert changed["subject_ref"] == {"key": "time_entries", "id": edited[0]}
    assert edited[0] in body["time_entries"]
    assert found[deleted[0]]["event_type"] == "time_entry:deleted"
    assert found[deleted[0]]["subject_ref"] is None
    assert ka.call("GET", f"/time_entries/{deleted[0]}").status_code == 404


def test_feed_needs_its_add_on(firm: Firm, ka: Kantata) -> None:
    assert "time_entry:deleted" in ka.call("GET", "/subscribed_events/event_types").json()["event_types"]
    firm.change("psa_events_addon", enabled=False)
    for path in ("/subscribed_events", "/subscribed_events/event_types", "/subscribed_events/1"):
        assert failure(ka.call("GET", path))[0] == 403
    firm.change("psa_events_addon", enabled=True)
    assert ka.call("GET", "/subscribed_events").status_code == 200
    assert failure(ka.call("GET", "/subscribed_events", params={"event_types": "moon:risen"}))[2] == "event_types"


def test_backdated_edit_is_stamped_before_what_was_read(firm: Firm, ka: Kantata) -> None:
    read_until = firm["kantata"].get("clock")["now"]
    [key] = firm.change("psa_backdated_edit", minutes=77, seconds=900)["entries"]
    late = ka.call("GET", f"/time_entries/{key}").json()["time_entries"][key]
    assert late["time_in_minutes"] == 77
    assert datetime.fromisoformat(late["updated_at"]) < datetime.fromisoformat(read_until) - timedelta(minutes=14)
    assert key not in {e["id"] for e in ka.all("time_entries", updated_after=read_until)}


def test_faulty_page_keeps_the_envelope(firm: Firm, ka: Kantata) -> None:
    firm["kantata"].fault("empty_page", path="time_entries")
    body = ka.page("time_entries")
    assert (body["results"], body["time_entries"]) == ([], {})
    assert body["count"] > 0
    firm["kantata"].fault("missing_column", path="time_entries", field="time_in_minutes")
    assert all("time_in_minutes" not in e for e in ka.page("time_entries")["time_entries"].values())
