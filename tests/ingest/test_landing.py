"""The landing path from a scripted Kantata into a real warehouse."""

import json
from decimal import Decimal

import pytest

from tests.ingest.conftest import Landing
from tests.ingest.kantata_script import entry, submission

pytestmark = pytest.mark.warehouse

LATEST = (
    "select distinct on (source_id) source_id, record, is_deleted from raw_{}.time_entries"
    " order by source_id, source_version desc, read_started_at desc, version desc"
)


def versions(kantata: Landing, source_id: str) -> list[tuple[int, bool]]:
    return [
        (minutes, is_deleted)
        for minutes, is_deleted in kantata.query(
            f"select (record ->> 'time_in_minutes')::int, is_deleted from raw_{kantata.connection}.time_entries"
            " where source_id = %s order by version",
            source_id,
        )
    ]


def test_every_entry_lands_once_with_its_minutes_counted(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(450)))
    report = kantata.land("time_entries")
    assert report.is_well, report.sentences
    assert kantata.query(f"select count(*) from raw_{kantata.connection}.time_entries") == [(450,)]
    assert report.resources[0].minutes_read == Decimal(450 * 480)


def test_landing_again_without_a_change_lands_nothing(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(450)))
    kantata.land()
    report = kantata.land()
    assert report.is_well, report.sentences
    assert report.rows_landed == 0


def test_a_value_that_returns_to_what_it_was_is_a_third_version(kantata: Landing) -> None:
    for second, minutes in enumerate((480, 360, 480)):
        kantata.script.add(entry(1, time_in_minutes=minutes, updated_at=f"2026-09-02T00:00:0{second}+00:00"))
        kantata.land("time_entries")
    assert versions(kantata, "1") == [(480, False), (360, False), (480, False)]


def test_an_approval_that_leaves_the_entry_untouched_is_read_through_its_submission(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(2000)))  # so that entry 3 is far behind the cursor
    kantata.script.submissions["1"] = submission(1, ["3"])
    kantata.land("timesheet_submissions", "time_entries")
    kantata.script.entries["3"]["approved"] = True
    kantata.script.submissions["1"] |= {"status": "approved", "updated_at": "2026-09-10T00:00:00+00:00"}
    report = kantata.land("timesheet_submissions", "time_entries")
    assert [one.rows_landed for one in report.resources] == [1, 1]
    assert kantata.query(
        f"select record ->> 'approved' from raw_{kantata.connection}.time_entries where source_id = '3' order by version"
    ) == [("false",), ("true",)]


def test_a_submission_landed_before_a_crash_still_has_its_entries_read_again(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(2000)))
    kantata.script.submissions["1"] = submission(1, ["3"])
    kantata.land("timesheet_submissions", "time_entries")
    kantata.script.entries["3"]["approved"] = True
    kantata.script.submissions["1"] |= {"status": "approved", "updated_at": "2026-09-10T00:00:00+00:00"}
    kantata.land("timesheet_submissions")
    report = kantata.land("time_entries")
    assert report.resources[0].rows_landed == 1


def test_a_deleted_entry_is_found_by_counting_and_confirmed_by_its_id(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(100)))
    kantata.land("time_entries")
    del kantata.script.entries["42"]
    report = kantata.land("time_entries")
    assert report.is_well, report.sentences
    assert versions(kantata, "42") == [(480, False), (480, True)]
    assert any(call.path.endswith("/time_entries/42") for call in kantata.script.calls)
    assert kantata.query(
        "select resolution from landing.suspect where connection = %s and source_id = '42'", kantata.connection
    ) == [("deleted",)]


def test_a_delete_event_is_only_a_hint_and_the_record_is_the_truth(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(10)))
    kantata.script.deleted_events = []
    kantata.land("time_entries")
    kantata.script.deleted_events = ["4", "5"]
    del kantata.script.entries["5"]
    kantata.land("time_entries")
    assert versions(kantata, "4") == [(480, False)]
    assert versions(kantata, "5") == [(480, False), (480, True)]


def test_an_entry_that_comes_back_is_alive_again(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(10)))
    kantata.land("time_entries")
    gone = kantata.script.entries.pop("5")
    kantata.land("time_entries")
    kantata.script.add(gone)
    kantata.land("time_entries")
    assert versions(kantata, "5") == [(480, False), (480, True), (480, False)]


def test_a_record_that_changes_while_pages_are_read_makes_none_missing(kantata: Landing) -> None:
    kantata.script.page_size = 10
    kantata.script.add(*(entry(n) for n in range(60)))
    turned = {"done": False}

    def touch_the_first(call: object) -> None:
        if len(kantata.script.calls) == 3 and not turned["done"]:
            turned["done"] = True
            kantata.script.entries["0"]["updated_at"] = "2026-09-05T00:00:00+00:00"

    kantata.script.hook = touch_the_first
    report = kantata.land("time_entries")
    assert report.is_well
    assert report.resources[0].differences == []
    assert kantata.query(f"select count(distinct source_id) from raw_{kantata.connection}.time_entries") == [(60,)]


def test_a_moved_entry_leaves_its_old_day_and_stands_on_its_new_one(kantata: Landing) -> None:
    kantata.script.add(entry(1), entry(4, date_performed="2026-09-02"))
    kantata.land("time_entries")
    kantata.script.add(entry(1, date_performed="2026-10-09", updated_at="2026-09-03T00:00:00+00:00"))
    kantata.land("time_entries")
    days = dict(
        kantata.query(
            "select key_2, member_ids from landing.neighbourhood where source_system = %s and kind = 'person_day'"
            " and key_1 = '11'",
            kantata.connection,
        )
    )
    assert days == {"2026-09-02": ["4"], "2026-10-09": ["1"]}


def test_the_sources_own_count_is_kept_by_month(kantata: Landing) -> None:
    kantata.script.add(*(entry(n) for n in range(56)), entry(90, date_performed="2026-10-01"))
    kantata.land("time_entries")
    totals = kantata.query(
        "select period::text, source_count from landing.control_total where connection = %s order by period",
        kantata.connection,
    )
    assert totals == [("2026-09-01", 56), ("2026-10-01", 1), (None, 0)]


def test_notes_are_kept_as_tokens_and_the_vault_alone_knows_them(kantata: Landing) -> None:
    kantata.script.add(entry(1, notes="Abstimmung mit Frau Müller"))
    kantata.land("time_entries")
    [(record,)] = kantata.query(f"select record::text from raw_{kantata.connection}.time_entries")
    assert "Müller" not in record
    token = json.loads(record)["notes"]
    assert token.startswith("pii_")
    [(ciphertext,)] = kantata.query("select ciphertext from vault.personal_value where token = %s", token)
    assert "Müller".encode() not in ciphertext
