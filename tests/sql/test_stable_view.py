"""Views change at deploy, and whoever reads them never notices: no error, no empty answer, no grant lost."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbing.warehouse import Warehouse
from tests.sql.conftest import ROOT, Dbt
from tests.sql.hand_made import Firm

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("sql")]

VIEWS = """
select n.nspname || '.' || c.relname, c.oid::text, c.xmin::text, (select max(r.xmin::text) from pg_rewrite r where r.ev_class = c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v' and n.nspname in ('staging', 'intermediate', 'canonical', 'sync', 'marts') order by 1
"""
BUILD = ("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")


class Reader:
    """Asks a sync view for one hour, over and over, as the engine does, from a thread of its own."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.answers: list[int] = []
        self.errors: list[str] = []

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def _read(self) -> None:
        with self._warehouse.connect("deliver", autocommit=True) as connection:
            while not self._stop.is_set():
                try:
                    row = connection.execute(
                        "select count(*) from sync.sync_erp__labor where source_system = 'kantata' and source_id = any(%s)",
                        (["1", "2"],),
                    ).fetchone()
                    self.answers.append(row[0] if row else 0)
                except psycopg.Error as error:
                    self.errors.append(str(error))


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A release whose staging and intermediate views have other columns in other places, and one of another type."""
    project = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    edit(
        project / "models/staging/kantata/stg_kantata__time_entries.sql",
        "    -- ids\n",
        "    -- ids\n    'release two'::text as release,\n",
    )
    edit(
        project / "models/intermediate/labor/int_labor_resolved.sql",
        "    coalesce(not project.is_deleted, false) as has_project,",
        "    coalesce(not project.is_deleted, false) as has_project,\n    project.landed_at as project_landed_at,",
    )
    edit(
        project / "models/intermediate/labor/int_time_entries_weighed.sql",
        "    coalesce(day.minutes, 0) as day_minutes,",
        "    coalesce(day.minutes, 0)::numeric(38, 6) as day_minutes,",
    )
    return project


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_second_build_changes_no_view(hand_made: Firm, owner: psycopg.Connection[Any], dbt: Dbt) -> None:
    before = owner.execute(VIEWS).fetchall()
    built = dbt(*BUILD)
    assert built.returncode == 0, built.stdout
    assert owner.execute(VIEWS).fetchall() == before
    assert len(before) > 60


def test_readers_of_a_sync_view_notice_no_release(
    hand_made: Firm, owner: psycopg.Connection[Any], warehouse: Warehouse, dbt: Dbt, changed: Path
) -> None:
    hand_made.entry("1")
    hand_made.entry("2")
    owner.execute("grant select on sync.sync_erp__labor to hourline_analyse")
    for project in (changed, ROOT / "dbt_project"):
        with Reader(warehouse) as reader:
            built = dbt(*BUILD, project=project)
        assert built.returncode == 0, built.stdout
        assert reader.errors == []
        assert len(reader.answers) > 20
        assert set(reader.answers) == {2}
    granted = owner.execute(
        "select has_table_privilege('hourline_deliver', 'sync.sync_erp__labor', 'select'), "
        "has_table_privilege('hourline_analyse', 'sync.sync_erp__labor', 'select'), "
        "has_table_privilege('hourline_analyse', 'staging.stg_kantata__time_entries', 'select')"
    ).fetchone()
    assert granted == (True, True, False)


def test_a_release_leaves_nothing_set_aside(
    hand_made: Firm, owner: psycopg.Connection[Any], dbt: Dbt, changed: Path
) -> None:
    columns = "select count(*) from information_schema.columns where table_name = 'stg_kantata__time_entries' and column_name = 'release'"
    assert dbt(*BUILD, project=changed).returncode == 0
    assert owner.execute(columns).fetchone() == (1,)
    assert dbt(*BUILD).returncode == 0
    assert owner.execute(columns).fetchone() == (0,)
    assert owner.execute("select count(*) from pg_class where relname like '%\\_\\_retired\\_%'").fetchone() == (0,)


def test_a_view_that_somebody_made_upon_ours_goes_on_answering(
    hand_made: Firm, owner: psycopg.Connection[Any], dbt: Dbt, changed: Path
) -> None:
    hand_made.entry("1")
    owner.execute("create view public.my_report as select source_id, minutes from staging.stg_kantata__time_entries")
    try:
        assert dbt(*BUILD, project=changed).returncode == 0
        assert owner.execute("select source_id, minutes from public.my_report").fetchall() == [("1", 120)]
    finally:
        owner.execute("drop view public.my_report")
        assert dbt(*BUILD).returncode == 0
    assert owner.execute("select count(*) from pg_class where relname like '%\\_\\_retired\\_%'").fetchone() == (0,)


def test_a_view_finds_a_table_in_its_place_and_says_so(
    hand_made: Firm, owner: psycopg.Connection[Any], dbt: Dbt
) -> None:
    owner.execute("drop view marts.rpt_hour_story")
    owner.execute("create table marts.rpt_hour_story (a integer)")
    owner.execute("alter table marts.rpt_hour_story owner to hourline_transform")
    built = dbt(*BUILD, "--select", "rpt_hour_story")
    assert built.returncode != 0
    assert "is a table, and a view should stand there. Nothing was changed." in built.stdout
    owner.execute("drop table marts.rpt_hour_story")
    assert dbt(*BUILD, "--select", "rpt_hour_story").returncode == 0
