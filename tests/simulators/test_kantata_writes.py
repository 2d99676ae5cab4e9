"""Kantata by raw HTTP: entering, deciding, referring, invoicing, locking, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fixtures.simulators import Firm, start_firm
from tests.simulators.callers import Kantata

if TYPE_CHECKING:
    from collections.abc import Iterator

Body = dict[str, Any]


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    with start_firm(tmp_path_factory.mktemp("kantata_writes"), seed=4, entries=400, only="kantata") as started:
        yield started
        assert started["kantata"].errors() == []


@pytest.fixture
def ka(firm: Firm) -> Iterator[Kantata]:
    caller = Kantata(firm.addresses["kantata"])
    yield caller
    caller.http.close()


@pytest.fixture
def new(ka: Kantata) -> Body:
    """A time entry as a caller enters it, on a project that needs approval."""
    workspace = next(w for w in ka.all("workspaces") if w["require_time_approvals"] and w["title"].startswith("P1"))
    [story, *_] = ka.all("stories", workspace_id=workspace["id"])
    [user, *_] = ka.all("users")
    return {
        "workspace_id": workspace["id"],
        "story_id": story["id"],
        "user_id": user["id"],
        "role_id": user["role_id"],
        "date_performed": "2026-11-10",
        "time_in_minutes": 90,
        "billable": True,
        "notes": 'prüft "alles"',
    }


def failure(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, type and field of a refusal."""
    [entry] = answer.json()["errors"]
    return answer.status_code, entry["type"], entry.get("field")


def enter(ka: Kantata, body: Body) -> str:
    answer = ka.call("POST", "/time_entries", json={"time_entry": body})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["results"][0]["id"])


def show(ka: Kantata, resource: str, key: str, include: str = "") -> Body:
    answer = ka.call("GET", f"/{resource}/{key}", params={"include": include} if include else {})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()[resource][key])


# -- time entries -----------------------------------------------------------------------------------------------------


def test_entering_time_answers_200_and_duplicates_are_accepted(ka: Kantata, new: Body) -> None:
    first, second = enter(ka, new), enter(ka, new)
    assert first != second
    shown = show(ka, "time_entries", first, "user,story,active_submission")
    assert (shown["approved"], shown["time_in_minutes"], shown["active_submission_id"]) == (False, 90, None)
    assert shown["notes"] == 'prüft "alles"'


def test_rails_form_is_read_like_json(ka: Kantata, new: Body) -> None:
    form = {f"time_entry[{name}]": str(value).lower() if value is True else value for name, value in new.items()}
    form |= {
        "time_entry[external_reference][service_name]": "acme-dw",
        "time_entry[external_reference][service_model]": "timesheet_line",
        "time_entry[external_reference][service_model_ref]": "123",
    }
    answer = ka.call("POST", "/time_entries.json", data=form)
    assert answer.status_code == 200, answer.text
    key = answer.json()["results"][0]["id"]
    body = ka.page("time_entries", only=key, include="external_references")
    [reference] = body["external_references"].values()
    assert (reference["service_name"], reference["service_model_ref"], reference["subject_id"]) == (
        "acme-dw",
        "123",
        key,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("workspace_id", "1"), ("workspace_id", None), ("story_id", "1"), ("user_id", "1"), ("role_id", "1"),
        ("date_performed", None), ("date_performed", "10.11.2026"), ("time_in_minutes", None), ("time_in_minutes", 1.5),
        ("time_in_minutes", "90"), ("time_in_minutes", -5), ("time_in_minutes", 2000), ("billable", "yes"),
        ("notes", 5), ("rate_in_cents", "10"), ("colour", "red"), ("external_reference", "x"),
    ],
)  # fmt: skip
def test_attribute_that_cannot_be_is_refused(ka: Kantata, new: Body, field: str, value: Any) -> None:
    answer = ka.call("POST", "/time_entries", json={"time_entry": new | {field: value}})
    assert failure(answer) == (422, "validation", field)


def test_body_without_its_root_or_of_another_type_is_refused(ka: Kantata, new: Body) -> None:
    assert failure(ka.call("POST", "/time_entries", json=new)) == (422, "validation", "time_entry")
    kind = {"Content-Type": "application/json"}
    assert failure(ka.call("POST", "/time_entries", content=b"{", headers=kind))[0] == 400
    assert failure(ka.call("POST", "/time_entries", content=b"x", headers={"Content-Type": "text/xml"}))[0] == 415


def test_open_entry_is_changed_and_a_submitted_one_is_not(ka: Kantata, new: Body) -> None:
    key = enter(ka, new)
    changed = ka.call("PUT", f"/time_entries/{key}", json={"time_entry": {"time_in_minutes": 30}})
    assert changed.json()["time_entries"][key]["time_in_minutes"] == 30
    submitted = next(
        s for s in ka.all("timesheet_submissions", include="time_entries", statuses="new") if s["time_entry_ids"]
    )
    member = submitted["time_entry_ids"][0]
    for answer in (
        ka.call("PUT", f"/time_entries/{member}", json={"time_entry": {"time_in_minutes": 30}}),
        ka.call("DELETE", f"/time_entries/{member}"),
    ):
        assert failure(answer) == (422, "validation", "base")


def test_deleting_is_hard_and_in_bulk_all_or_nothing(ka: Kantata, new: Body) -> None:
    keys = [enter(ka, new) for _ in range(3)]
    refused = ka.call("DELETE", "/time_entries", params={"ids": ",".join([*keys, "1"])})
    assert failure(refused)[0] == 422
    assert all(ka.call("GET", f"/time_entries/{key}").status_code == 200 for key in keys)
    too_many = ",".join(str(n) for n in range(1, 102))
    assert failure(ka.call("DELETE", "/time_entries", params={"ids": too_many})) == (422, "validation", "ids")
    assert ka.call("DELETE", "/time_entries", params={"ids": ",".join(keys)}).status_code == 204
    assert all(ka.call("GET", f"/time_entries/{key}").status_code == 404 for key in keys)
    assert ka.page("time_entries", only=",".join(keys))["count"] == 0
    assert ka.call("DELETE", f"/time_entries/{keys[0]}").status_code == 404


def test_answer_lost_after_commit_has_committed(firm: Firm, ka: Kantata, new: Body) -> None:
    before = ka.page("time_entries", per_page=1)["count"]
    firm["kantata"].fault("drop_after", method="POST", path="time_entries")
    with pytest.raises(httpx.TransportError):
        ka.call("POST", "/time_entries", json={"time_entry": new})
    assert ka.page("time_entries", per_page=1)["count"] == before + 1


# -- approvals --------------------------------------------------------------------------------------------------------


def _pending(ka: Kantata) -> Body:
    found = ka.all("timesheet_submissions", statuses="new", include="time_entries", order="id:asc")
    return next(s for s in found if s["time_entry_ids"])


def test_approving_approves_the_entries_and_leaves_their_stamp(ka: Kantata) -> None:
    pending = _pending(ka)
    before = {key: show(ka, "time_entries", key) for key in pending["time_entry_ids"]}
    resolution = {"resolution": {"description": "fine"}}
    answer = ka.call("PUT", f"/timesheet_submissions/{pending['id']}/approve", json=resolution)
    shown = answer.json()["timesheet_submissions"][pending["id"]]
    assert (shown["status"], shown["current_resolution_description"]) == ("approved", "fine")
    assert shown["updated_at"] > pending["updated_at"]
    for key, old in before.items():
        entry = show(ka, "time_entries", key, "active_submission")
        assert (entry["approved"], old["approved"]) == (True, False)
        assert entry["updated_at"] == old["updated_at"]
        assert entry["active_submission_id"] == pending["id"]
    again = ka.call("PUT", f"/timesheet_submissions/{pending['id']}/approve")
    assert failure(again) == (422, "validation", "status")


@pytest.mark.parametrize(("verb", "status"), [("reject", "rejected"), ("cancel", "cancelled")])
def test_taking_an_approval_back_takes_the_entries_back(ka: Kantata, verb: str, status: str) -> None:
    pending = _pending(ka)
    ka.call("PUT", f"/timesheet_submissions/{pending['id']}/approve")
    answer = ka.call(
        "PUT", f"/timesheet_submissions/{pending['id']}/{verb}", json={"resolution": {"description": "no"}}
    )
    assert answer.json()["timesheet_submissions"][pending["id"]]["status"] == status
    for key in pending["time_entry_ids"]:
        entry = show(ka, "time_entries", key, "active_submission,recent_submission")
        assert (entry["approved"], entry["active_submission_id"]) == (False, None)
        assert entry["recent_submission_id"] == pending["id"]


def test_decision_on_nothing_is_404(ka: Kantata) -> None:
    assert failure(ka.call("PUT", "/timesheet_submissions/1/approve"))[0] == 404


def test_flag_lets_an_approval_bump_its_entries(make_firm: Any) -> None:
    firm = make_firm(seed=4, entries=300, only="kantata", unconfirmed="kantata_approval_bumps_entries")
    caller = Kantata(firm.addresses["kantata"])
    pending = _pending(caller)
    key = pending["time_entry_ids"][0]
    before = show(caller, "time_entries", key)["updated_at"]
    caller.call("PUT", f"/timesheet_submissions/{pending['id']}/approve")
    assert show(caller, "time_entries", key)["updated_at"] > before
    caller.http.close()


# -- external references ----------------------------------------------------------------------------------------------


def refer(ka: Kantata, key: str, **given: Any) -> httpx.Response:
    body = {
        "subject_type": "TimeEntry", "subject_id": key, "service_name": "netsuite-1", "service_model": "invoice",
        "service_model_ref": "1001", "status": "successful", "external_status": "Open",
        "external_link": "https://erp.example/1001", "external_message": "billed", "locked": True,
    } | given  # fmt: skip
    return ka.call("POST", "/external_references/create_or_update", json={"external_reference": body})


def test_reference_is_made_once_per_subject_and_service(ka: Kantata, new: Body) -> None:
    key = enter(ka, new)
    first = refer(ka, key).json()["results"]
    second = refer(ka, key, external_status="Paid", service_model_ref="1002").json()
    assert second["results"] == first
    [shown] = second["external_references"].values()
    assert (shown["external_status"], shown["service_model_ref"], shown["locked"]) == ("Paid", "1002", True)
    other = refer(ka, key, service_name="netsuite-2").json()["results"]
    assert other != first
    assert len(show(ka, "time_entries", key, "external_references")["external_reference_ids"]) == 2


def test_reference_kept_apart_from_its_subjects_stamp(ka: Kantata, new: Body) -> None:
    key = enter(ka, new)
    before = show(ka, "time_entries", key)["updated_at"]
    refer(ka, key)
    assert show(ka, "time_entries", key)["updated_at"] == before


def test_entries_are_found_by_their_reference(ka: Kantata, new: Body) -> None:
    key = enter(ka, new)
    refer(ka, key, service_name="finder", service_model_ref="77", external_status="Open")
    for query in (
        {"external_reference_service_name": "finder"},
        {"external_reference_service_name": "finder", "external_reference_service_model_refs": "5,77"},
        {"external_reference_service_name": "finder", "external_reference_external_status": "Open"},
    ):
        assert list(ka.page("time_entries", **query)["time_entries"]) == [key]
    assert (
        ka.page("time_entries", external_reference_service_name="finder", external_reference_external_status="Paid")[
            "count"
        ]
        == 0
    )
    without = ka.all("time_entries", without_external_reference_service_name="finder")
    assert key not in {entry["id"] for entry in without}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject_type", None), ("subject_id", None), ("service_name", ""), ("service_model", None),
        ("service_model_ref", None), ("status", "done"), ("status", "Paid"), ("subject_id", "1"), ("subject_type", "Moon"),
        ("locked", "yes"), ("external_status", 5), ("colour", "red"),
    ],
)  # fmt: skip
def test_reference_that_cannot_be_is_refused(ka: Kantata, new: Body, field: str, value: Any) -> None:
    key = enter(ka, new)
    assert failure(refer(ka, key, **{field: value})) == (422, "validation", field)


@pytest.mark.parametrize(
    ("subject_type", "resource"),
    [
        ("Workspace", "workspaces"), ("User", "users"), ("Role", "roles"), ("Submission", "timesheet_submissions"),
        ("RateCard", "rate_cards"), ("WorkspaceGroup", "workspace_groups"),
    ],
)  # fmt: skip
def test_other_subjects_take_references_too(ka: Kantata, subject_type: str, resource: str) -> None:
    key = ka.page(resource, per_page=1)["results"][0]["id"]
    assert refer(ka, key, subject_type=subject_type, service_name="x").status_code == 200
    assert failure(refer(ka, "1", subject_type=subject_type))[2] == "subject_id"


# -- invoices and locks -----------------------------------------------------------------------------------------------


def invoice(ka: Kantata, new: Body, keys: list[str], **given: Any) -> httpx.Response:
    body = {
        "payment_schedule": "net 30", "workspace_id": new["workspace_id"], "time_entry_ids": keys,
        "invoice_date": "2026-11-16", "user_invoice_number": 1001, "draft": False, "suppress_emails": True,
    } | given  # fmt: skip
    return ka.call("POST", "/invoices", json={"invoice": body})


def test_invoicing_marks_the_entries_until_it_is_cancelled(ka: Kantata, new: Body) -> None:
    key = enter(ka, new)
    answer = invoice(ka, new, [key])
    assert answer.status_code == 200, answer.text
    number = answer.json()["results"][0]["id"]
    assert show(ka, "time_entries", key, "invoice")["invoice_id"] == number
    assert [e["id"] for e in ka.all("time_entries", in_active_invoice_id=number)] == [key]
    assert failure(ka.call("DELETE", f"/time_entries/{key}"))[0] == 422
    assert failure(invoice(ka, new, [key]))[2] == "time_entry_ids"
    cancelled = ka.call("PUT", f"/invoices/{number}/cancel").json()["invoices"][number]
    assert cancelled["status"] == "cancelled"
    assert show(ka, "time_entries", key)["is_invoiced"] is False
    assert failure(ka.call("PUT", f"/invoices/{number}/cancel"))[0] == 422
    assert failure(ka.call("PUT", f"/invoices/{number}", json={"invoice": {"draft": True}}))[0] == 422


def test_payment_marks_a_pending_invoice_that_is_no_draft(ka: Kantata, new: Body) -> None:
    number = invoice(ka, new, [enter(ka, new)], draft=True).json()["results"][0]["id"]
    payment = {
        "external_payment": {"workspace_id": new["workspace_id"], "invoice_id": number, "message": "paid in ERP"}
    }
    assert failure(ka.call("POST", "/external_payments", json=payment))[2] == "invoice_id"
    assert ka.call("PUT", f"/invoices/{number}", json={"invoice": {"draft": False}}).status_code == 200
    assert ka.call("POST", "/external_payments", json=payment).status_code == 200
    paid = show(ka, "invoices", number)
    assert (paid["status"], paid["balance_in_cents"]) == ("accepted payment", 0)
    payment["external_payment"]["message"] = "x" * 256
    assert failure(ka.call("POST", "/external_payments", json=payment))[2] == "message"


@pytest.mark.parametrize(
    ("field", "value"),
    [("payment_schedule", None), ("workspace_id", "1"), ("time_entry_ids", ["1"]), ("time_entry_ids", "x"),
     ("invoice_date", "today"), ("user_invoice_number", "A1"), ("colour", 1)],
)  # fmt: skip
def test_invoice_that_cannot_be_is_refused(ka: Kantata, new: Body, field: str, value: Any) -> None:
    assert failure(invoice(ka, new, [], **{field: value})) == (422, "validation", field)


def test_deleted_invoice_frees_its_entries_and_numbers_go_on(ka: Kantata, new: Body) -> None:
    key = enter(ka, new)
    number = invoice(ka, new, [key], user_invoice_number=2050).json()["results"][0]["id"]
    assert ka.call("GET", "/invoices/next_invoice_number").json()["next_invoice_number"] == 2051
    assert ka.call("DELETE", f"/invoices/{number}").status_code == 204
    assert ka.call("GET", f"/invoices/{number}").status_code == 404
    assert ka.call("DELETE", f"/invoices/{number}").status_code == 404
    assert show(ka, "time_entries", key)["is_invoiced"] is False


def test_flag_makes_invoice_numbers_unique(make_firm: Any, ka: Kantata, new: Body) -> None:
    assert invoice(ka, new, [], user_invoice_number=3001).status_code == 200
    assert invoice(ka, new, [], user_invoice_number=3001).status_code == 200
    strict = make_firm(seed=4, entries=400, only="kantata", unconfirmed="kantata_unique_invoice_numbers")
    caller = Kantata(strict.addresses["kantata"])
    assert invoice(caller, new, [], user_invoice_number=3001).status_code == 200
    assert failure(invoice(caller, new, [], user_invoice_number=3001)) == (422, "validation", "user_invoice_number")
    caller.http.close()


def test_lock_is_a_past_saturday_later_than_the_last(ka: Kantata, new: Body) -> None:
    def lock(day: str) -> httpx.Response:
        return ka.call("POST", "/line_item_locks", json={"line_item_lock": {"locked_to": day}})

    for wrong in ("2026-08-28", "2026-11-21", "soon"):
        assert failure(lock(wrong)) == (422, "validation", "locked_to")
    assert lock("2026-08-29").status_code == 200
    for not_later in ("2026-08-29", "2026-08-22"):
        assert failure(lock(not_later)) == (422, "validation", "locked_to")
    assert [one["locked_to"] for one in ka.all("line_item_locks")] == ["2026-08-29"]
    for method in ("PUT", "DELETE"):
        assert ka.call(method, "/line_item_locks/3001").status_code == 405
    late = new | {"date_performed": "2026-08-28"}
    assert failure(ka.call("POST", "/time_entries", json={"time_entry": late})) == (422, "validation", "date_performed")
    key = enter(ka, new)
    moved = ka.call("PUT", f"/time_entries/{key}", json={"time_entry": {"date_performed": "2026-08-29"}})
    assert failure(moved)[2] == "date_performed"
    assert ka.page("subscribed_events", event_types="line_item_lock:created")["count"] >= 1


def test_holdings_count_entries_and_list_written_references(firm: Firm, ka: Kantata, new: Body) -> None:
    key = enter(ka, new)
    refer(ka, key, service_name="held")
    held = firm["kantata"].holdings()
    listed = ka.page("time_entries", per_page=1, from_archived_workspaces="true")["count"]
    assert sum(month["entries"] for month in held["months"]) == listed
    assert [r["subject_id"] for r in held["references"] if r["service_name"] == "held"] == [int(key)]
