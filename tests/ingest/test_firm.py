"""The five sources against the vendors' simulators, by address, as any customer's systems."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

import ingest
from tests.ingest.landed_firm import SYSTEMS, LandedFirm

pytestmark = pytest.mark.warehouse


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_resource_lands_and_agrees_with_the_sources_own_count(landed: LandedFirm, system: str) -> None:
    report = landed.reports[system]
    assert report.is_well, report.sentences
    assert [one.differences for one in report.resources if one.differences] == []
    assert sum(one.rows_quarantined for one in report.resources) == 0


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_second_landing_of_unchanged_data_lands_nothing(landed: LandedFirm, system: str) -> None:
    report = ingest.land(landed.settings, system)
    assert report.is_well, report.sentences
    assert report.rows_landed == 0


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_full_landing_of_unchanged_data_lands_nothing_either(landed: LandedFirm, system: str) -> None:
    report = ingest.land(landed.settings, system, full=True)
    assert report.is_well, report.sentences
    assert report.rows_landed == 0


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_check_finds_every_resource_readable(landed: LandedFirm, system: str) -> None:
    findings = ingest.check(landed.settings, system)
    assert findings
    assert [one for one in findings if not one.is_well] == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_check_with_wrong_secrets_says_so_and_shows_none(landed: LandedFirm, system: str) -> None:
    connection = landed.settings.connections[system]
    wrong = replace(
        connection, secrets={name: SecretStr(f"wrong-{name}-4711") for name in connection.secrets}, store=None
    )
    findings = ingest.check(replace(landed.settings, connections={system: wrong}), system)
    assert all(not one.is_well for one in findings if one.subject != "subscribed_events")
    assert "4711" not in " ".join(one.message + one.remedy for one in findings)


def test_no_name_or_address_of_a_person_stands_in_the_warehouse_in_clear(landed: LandedFirm) -> None:
    records = landed.query(
        "select record::text from landing.current_record where resource in ('users', 'workers', 'employees')"
    )
    assert records
    assert not [record for (record,) in records if "@" in record]


def test_every_rate_of_a_card_knows_its_date_and_currency(landed: LandedFirm) -> None:
    rates = landed.query(
        "select record ->> 'effective_date', record ->> 'currency', record ->> 'rate_card_set_id' from"
        " landing.current_record where resource = 'rate_card_roles'"
    )
    assert rates
    assert all(all(values) for values in rates)


def land_well(landed: LandedFirm, system: str, *resources: str) -> ingest.LoadReport:
    report = ingest.land(landed.settings, system, resources=resources or None)
    assert report.is_well, report.sentences
    assert [one.differences for one in report.resources if one.differences] == []
    return report


def test_a_row_deleted_by_hand_in_the_erp_becomes_a_tombstone(landed: LandedFirm) -> None:
    [(source_id,)] = landed.query("select source_id from landing.live('netsuite', 'time_bills') order by 1 limit 1")
    landed.firm.change("erp_delete_row", row_id=source_id)
    assert land_well(landed, "netsuite", "time_bills").resources[0].rows_tombstoned == 1


def test_hours_deleted_in_the_psa_become_tombstones(landed: LandedFirm) -> None:
    landed.firm.change("delete", count=3)
    assert land_well(landed, "kantata").resources[-1].rows_tombstoned == 3


def test_an_archived_project_keeps_its_hours_and_itself(landed: LandedFirm) -> None:
    [(title, source_id)] = landed.query(
        "select w.record ->> 'title', w.source_id from landing.current_record w where resource = 'workspaces' and exists"
        " (select from raw_kantata.time_entries e where e.record ->> 'workspace_id' = w.source_id) order by 2 limit 1"
    )
    landed.firm.change("archive_project", project=title.split()[0])
    report = land_well(landed, "kantata")
    assert report.resources[-1].rows_tombstoned == 0
    assert landed.query(
        "select is_deleted from landing.current_record where resource = 'workspaces' and source_id = %s", source_id
    ) == [(False,)]


def test_a_customer_purged_from_the_crm_becomes_a_tombstone(landed: LandedFirm) -> None:
    [(source_id,)] = landed.query("select source_id from landing.live('salesforce', 'accounts') order by 1 limit 1")
    landed.firm.change("crm_delete", object_name="Account", record=source_id)
    landed.firm.change("crm_purge", object_name="Account", record=source_id)
    land_well(landed, "salesforce", "accounts")
    found = landed.query("select is_deleted from landing.current_record where source_id = %s", source_id)
    assert found == [(True,)]


def test_a_change_committed_later_than_its_stamp_says_is_within_the_overlap(landed: LandedFirm) -> None:
    [(source_id, stamp)] = landed.query(
        "select source_id, source_version from landing.current_record where resource = 'accounts' and not is_deleted"
        " order by source_version desc, source_id limit 1"
    )
    late = f"{stamp + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S.000+0000}"
    landed.firm.change("crm_commit_late", object_name="Account", record=source_id, values={"Name": "Late"}, stamp=late)
    land_well(landed, "salesforce", "accounts")
    names = landed.query("select record ->> 'Name' from landing.current_record where source_id = %s", source_id)
    assert names == [("Late",)]


def test_days_of_life_land_with_every_count_agreeing(landed: LandedFirm) -> None:
    for _ in range(2):
        landed.firm.change("day")
        for system in SYSTEMS:
            land_well(landed, system)
