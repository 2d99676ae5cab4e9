"""What a vendor may do wrong, from a scripted Kantata over real HTTP: one clear sentence, nothing lost, the rest goes on."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from ingest.report import LoadReport
from plumbing.settings import Connection
from tests.ingest.conftest import Landing
from tests.ingest.kantata_script import TOKEN, entry
from tests.ingest.scripted import Answer, Call

pytestmark = pytest.mark.warehouse


def landed(kantata: Landing) -> int:
    [(count,)] = kantata.query(f"select count(*) from raw_{kantata.connection}.time_entries")
    return int(count)


def sentence(report: LoadReport, resource: str) -> str:
    [one] = [one for one in report.resources if one.resource == resource]
    assert TOKEN not in one.sentence
    return one.sentence


def only(kantata: Landing, **changes: object) -> Landing:
    """The same connection, changed."""
    [connection] = kantata.settings.connections.values()
    changed: Connection = replace(connection, **changes)  # type: ignore[arg-type]
    return Landing(
        replace(kantata.settings, connections={connection.name: changed}), kantata.connection, kantata.script
    )


def test_wrong_credentials_end_the_landing_with_one_sentence_and_no_secret(kantata: Landing) -> None:
    kantata.script.fault = lambda _call: Answer(
        {"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]}, 401
    )
    report = kantata.land()
    assert [one.status for one in report.resources] == ["failed", *["not read"] * 9]
    assert "secrets of connection" in sentence(report, "users")
    assert len(kantata.script.calls) == 1


def test_an_unreachable_host_is_named(kantata: Landing) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    report = only(kantata, base_url=f"http://127.0.0.1:{port}/api/v1").land("time_entries")
    assert f"127.0.0.1:{port} cannot be reached" in sentence(report, "time_entries")
    assert kantata.query("select status from landing.load where connection = %s", kantata.connection) == [("failed",)]


def test_a_truncated_page_lands_nothing_and_moves_no_cursor(kantata: Landing) -> None:
    kantata.script.page_size = 10
    kantata.script.add(*(entry(n) for n in range(30)))

    def cut(call: Call) -> Answer | None:
        third = len(kantata.script.calls) >= 3
        return Answer(b'{"count": 30, "results": [', promised_bytes=5000) if third else None

    kantata.script.fault = cut
    report = kantata.land("time_entries")
    assert "got no whole answer" in sentence(report, "time_entries")
    assert landed(kantata) == 0
    kantata.script.fault = None
    assert kantata.land("time_entries").is_well
    assert landed(kantata) == 30


def test_a_page_that_holds_less_than_it_lists_is_refused(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(3)))
    kantata.script.fault = lambda call: Answer(
        {"meta": {"count": 1, "page_count": 1}, "results": [{"key": "time_entries", "id": "1"}], "time_entries": {}}
    )
    assert "lists records that it does not hold" in sentence(kantata.land("time_entries"), "time_entries")


def test_a_500_in_the_middle_of_paging_half_commits_nothing_and_the_rest_goes_on(kantata: Landing) -> None:
    kantata.script.page_size = 10
    kantata.script.add(*(entry(n) for n in range(30)))
    kantata.script.users["11"] = {"id": "11", "full_name": "Ann Lee", "email_address": "ann@example.com"}

    def fail(call: Call) -> Answer | None:
        entries = [one for one in kantata.script.calls if one.path.endswith("/time_entries")]
        return Answer({"errors": []}, 500) if call.path.endswith("/time_entries") and len(entries) >= 3 else None

    kantata.script.fault = fail
    report = kantata.land("time_entries", "users")
    assert {one.resource: one.status for one in report.resources} == {"users": "landed", "time_entries": "failed"}
    assert landed(kantata) == 0
    assert kantata.query("select count(*) from landing.cursor where connection = %s", kantata.connection) == [(0,)]


def test_a_column_gone_stops_the_resource_and_is_reported(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(5)))
    kantata.land("time_entries")
    for one in kantata.script.entries.values():
        del one["approved"]
        one["updated_at"] = "2026-09-20T00:00:00+00:00"
    assert "lost its column approved" in sentence(kantata.land("time_entries"), "time_entries")
    assert landed(kantata) == 5
    changes = kantata.query("select field, change from landing.schema_change where connection = %s", kantata.connection)
    assert changes == [("approved", "gone")]


def test_a_column_that_records_usually_have_is_missed_when_none_of_many_has_it(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(60)))
    kantata.land("time_entries")
    for one in kantata.script.entries.values():
        del one["story_id"]
        one["updated_at"] = "2026-09-20T00:00:00+00:00"
    assert "lost its column story_id" in sentence(kantata.land("time_entries"), "time_entries")


def test_a_number_where_text_was_is_quarantined_and_its_neighbours_land(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(5)))
    kantata.script.entries["3"]["user_id"] = 12
    report = kantata.land("time_entries")
    assert report.is_well
    assert landed(kantata) == 4
    rows = kantata.query(
        "select source_id, field, reason, minutes, work_date::text from landing.quarantine where connection = %s",
        kantata.connection,
    )
    assert rows == [("3", "user_id", "user_id ought to be text and is number", 480, "2026-09-04")]


def test_a_type_that_changed_in_a_whole_page_stops_the_resource(kantata: Landing) -> None:
    kantata.script.add(*(entry(n, time_in_minutes="480") for n in range(5)))
    assert "changed its shape" in sentence(kantata.land("time_entries"), "time_entries")
    assert landed(kantata) == 0


def test_a_quarantined_record_is_resolved_when_the_same_id_lands_well(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(5)))
    kantata.script.entries["3"]["date_performed"] = "2026-02-30"
    kantata.land("time_entries")
    kantata.land("time_entries")
    kantata.script.entries["3"] |= {"date_performed": "2026-02-28", "updated_at": "2026-09-20T00:00:00+00:00"}
    kantata.land("time_entries")
    rows = kantata.query("select resolved_at is null from landing.quarantine where connection = %s", kantata.connection)
    assert rows == [(False,)]


def test_quarantine_holds_tokens_in_place_of_personal_fields(kantata: Landing) -> None:
    kantata.script.add(entry(1), entry(2, notes="call Ann", billable="yes"))
    kantata.land("time_entries")
    [(record,)] = kantata.query("select record::text from landing.quarantine where connection = %s", kantata.connection)
    assert "Ann" not in record
    assert "pii_" in record


def test_an_empty_page_where_hundreds_were_stops_the_source_and_deletes_nothing(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(300)))
    kantata.land("time_entries")
    kantata.script.entries.clear()
    report = kantata.land("time_entries", "users")
    assert report.is_stopped
    assert "the source is stopped, and nothing was deleted" in sentence(report, "time_entries")
    assert kantata.query(f"select count(*) from raw_{kantata.connection}.time_entries where is_deleted") == [(0,)]


def test_a_narrowed_scope_deletes_nothing_though_every_id_answers_404(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(300)))
    kantata.land("time_entries")
    for number in range(0, 300, 3):
        del kantata.script.entries[str(number)]
    assert kantata.land("time_entries").is_stopped
    assert kantata.query(f"select count(*) from raw_{kantata.connection}.time_entries where is_deleted") == [(0,)]


def test_impossible_hours_and_an_unknown_project_land_for_the_doors_to_judge(kantata: Landing) -> None:
    kantata.script.add(
        entry(1, time_in_minutes=26 * 60), entry(2, time_in_minutes=-60), entry(3, workspace_id="deleted-long-ago")
    )
    assert kantata.land("time_entries").is_well
    assert landed(kantata) == 3


def test_an_unknown_field_is_kept_and_reported_once(kantata: Landing) -> None:
    kantata.script.add(entry(1, mood="good"))
    kantata.land("time_entries")
    kantata.script.add(entry(2, mood="better"))
    kantata.land("time_entries")
    assert kantata.query(
        "select field, change, seen_type from landing.schema_change where connection = %s", kantata.connection
    ) == [("mood", "added", "text")]
    assert kantata.query(f"select record ->> 'mood' from raw_{kantata.connection}.time_entries order by version") == [
        ("good",),
        ("better",),
    ]


@pytest.mark.parametrize("notes", ["a\0b", "half of \ud83d"])
def test_text_that_no_database_keeps_is_quarantined(kantata: Landing, notes: str) -> None:
    kantata.script.add(entry(1), entry(2, currency=notes))
    kantata.land("time_entries")
    assert landed(kantata) == 1
    [(source_id, record)] = kantata.query(
        "select source_id, record ->> 'currency' from landing.quarantine where connection = %s", kantata.connection
    )
    assert source_id == "2"
    assert record
