"""The night as Prefect runs it, twice, against a server of its own: the second finds nothing to do and calls nobody.

What a person sees of it is read in a browser: the night with its tasks on Prefect's page, and the lineage of what was
built on dbt's. `make screenshots` keeps the pictures.
"""

from __future__ import annotations

import functools
import http.server
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
from pydantic import SecretStr

from flows import documentation, orchestration
from flows.documentation import Pages
from tests.end_to_end.job import start_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flows.nightly import Night
    from flows.orchestration import Server
    from tests.end_to_end.job import Job
    from tests.end_to_end.server import Databases
    from tests.fixtures.browser import Page

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("whole jobs"), pytest.mark.timeout(900)]

# dbt's page keeps the graph that it draws with the element it draws it on.
GRAPH = "Array.from(document.querySelectorAll('.__________cytoscape_container')).map(e => e._cyreg).find(Boolean)?.cy"


@dataclass
class Nights:
    """Two nights on one server, with what was known before each."""

    job: Job
    server: Server
    adopted: set[str]
    first: Night
    writes_before: dict[str, int]
    second: Night
    writes_after: dict[str, int]


@pytest.fixture(scope="module")
def nights(job_home: Path, databases: Databases) -> Iterator[Nights]:
    with start_job(job_home, databases, seed=7, entries=300) as job, databases.prefect() as prefect_url:
        settings = replace(job.settings, prefect_database_url=SecretStr(prefect_url))
        job.adopt()
        adopted = {
            row["chain_key"] for row in job.rows("select chain_key from delivery.chain where settled_state is not null")
        }
        with orchestration.server(settings) as server, orchestration.session(settings, server):
            first = _night(job)
            before = job.writes()
            second = _night(job)
            yield Nights(job, server, adopted, first, before, second, job.writes())


def _night(job: Job) -> Night:
    from flows.nightly import nightly

    state = cast(Any, nightly)(str(job.settings.home), return_state=True)
    return cast("Night", state.result(raise_on_failure=False))


def test_a_night_delivers_what_is_due_and_creates_no_adopted_hour(nights: Nights) -> None:
    assert (nights.first.stopped, nights.first.waiting) == ({}, {})
    assert nights.first.statement is not None
    assert nights.first.statement.sentence == "Every hour is accounted for."
    assert sum(nights.writes_before.values()) > 0
    created = nights.job.rows("select chain_key from delivery.intent where operation = 'create' and not is_adopted")
    assert nights.adopted
    assert nights.adopted.isdisjoint(row["chain_key"] for row in created)


def test_a_second_night_plans_nothing_and_sends_nothing(nights: Nights) -> None:
    assert (nights.second.stopped, nights.second.waiting) == ({}, {})
    assert [plan.intents for plan in nights.second.plans.values()] == [0, 0, 0]
    assert nights.writes_after == nights.writes_before
    assert nights.second.statement is not None
    assert nights.second.statement.exit_code == 0


@pytest.mark.browser
def test_prefects_page_shows_the_night_with_its_tasks(nights: Nights, page: Page, pictures: Path) -> None:
    runs = _runs(nights.server, "flow_runs")
    assert [run["state_type"] for run in runs] == ["COMPLETED", "COMPLETED"]
    first = min(runs, key=lambda run: run["start_time"])
    tasks = {run["name"] for run in _runs(nights.server, "task_runs") if run["flow_run_id"] == first["id"]}
    assert {
        "land kantata",
        "check kantata",
        "build models",
        "plan erp_labor",
        "push erp_labor to netsuite",
        "reconcile",
    } <= tasks

    page.open(f"{nights.server.ui_url}/runs/flow-run/{first['id']}?tab=Task+Runs")
    page.wait_for(first["name"], "Completed", "nightly", "reconcile", "push erp_labor to netsuite")
    page.picture(pictures / "prefect-night.png")
    assert page.strangers() == []


@pytest.mark.browser
def test_dbts_pages_show_the_lineage_from_raw_to_sync(nights: Nights, page: Page, pictures: Path) -> None:
    settings = nights.job.settings
    model = documentation.build(settings)["models"]
    with _served(settings.home, model.parent) as address:
        page.sharpen(1.5)
        page.open(f"{address}/{model.relative_to(settings.home)}#!/overview?g_v=1&g_i=%2Bsync_erp__labor")
        page.wait_for("Lineage Graph")
        page.wait_until(f"{GRAPH}?.nodes(':visible').length")
        after = f"{GRAPH}.nodes().filter(one => one.data('label') == 'raw_kantata.time_entries').successors().nodes()"
        fed = page.run(f"{after}.filter(':visible').map(one => one.data('label'))")
        assert {"stg_kantata__time_entries", "int_labor_rated", "sync_erp__labor"} <= set(fed)
        page.picture(pictures / "lineage.png")
        assert page.strangers() == []


def _runs(server: Server, kind: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{server.api_url}/{kind}/filter", json={"limit": 200}, timeout=30, trust_env=False)
    return list(answer.raise_for_status().json())


@contextmanager
def _served(home: Path, folder: Path) -> Iterator[str]:
    """The documentation as `hourline docs --serve` serves it."""
    handler = functools.partial(Pages, (f"/{folder.relative_to(home).as_posix()}/",), directory=str(home))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
