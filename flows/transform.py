"""Builds the models. Views stand as deployed; tables are brought up to date; a test that fails stops what it feeds."""

from __future__ import annotations

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import jobs
from flows.dbt import BuildReport


@task(task_run_name="build models", retries=0, cache_policy=NO_CACHE)
def build_models(home: str, select: str | None = None) -> BuildReport:
    """One call to `jobs.build`, or to `jobs.refresh` where nothing is selected."""
    settings = jobs.settings(home)
    return jobs.build(settings, select=select) if select else jobs.refresh(settings)


@flow(name="transform", retries=0)
def transform(home: str | None = None, select: str | None = None) -> None:
    """dbt build, by selector if one is given."""
    build_models(str(jobs.settings(home).home), select)
