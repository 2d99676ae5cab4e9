"""Whole jobs against a real system: the folder and the databases are those of the end-to-end tests."""

from tests.end_to_end.conftest import databases, job_home  # noqa: F401  fixtures
