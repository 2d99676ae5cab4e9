"""The night as Prefect runs it, twice, against a server of its own: the second finds nothing to do and calls nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from flows import orchestration
from tests.end_to_end.job import start_job

if TYPE_CHECKING:
    from pathlib import Path

    from flows.nightly import Night
    from tests.end_to_end.job import Job
    from tests.end_to_end.server import Databases

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("whole jobs"), pytest.mark.timeout(900)]


def night(job: Job) -> Night:
    from flows.nightly import nightly

    state = cast(Any, nightly)(str(job.settings.home), return_state=True)
    return cast("Night", state.result(raise_on_failure=False))


def test_a_second_night_plans_nothing_and_sends_nothing(job_home: Path, databases: Databases) -> None:
    with start_job(job_home, databases, seed=7, entries=300) as job:
        job.adopt()
        adopted = {
            row["chain_key"] for row in job.rows("select chain_key from delivery.chain where settled_state is not null")
        }
        with orchestration.server(job.settings) as server, orchestration.session(job.settings, server):
            first = night(job)
            assert (first.stopped, first.waiting) == ({}, {})
            assert first.statement is not None
            assert first.statement.sentence == "Every hour is accounted for."
            assert sum(job.writes().values()) > 0

            created = job.rows("select chain_key from delivery.intent where operation = 'create' and not is_adopted")
            assert adopted
            assert adopted.isdisjoint(row["chain_key"] for row in created)

            before = job.writes()
            second = night(job)
            assert (second.stopped, second.waiting) == ({}, {})
            assert [plan.intents for plan in second.plans.values()] == [0, 0, 0]
            assert job.writes() == before
            assert second.statement is not None
            assert second.statement.exit_code == 0
            assert _runs(server.api_url, "flow_runs") == ["COMPLETED", "COMPLETED"]
            assert len(_runs(server.api_url, "task_runs")) > 2 * len(job.settings.connections)


def _runs(api_url: str, kind: str) -> list[str]:
    answer = httpx.post(f"{api_url}/{kind}/filter", json={"limit": 200}, timeout=30, trust_env=False)
    return [run["state_type"] for run in answer.raise_for_status().json()]
