"""Every module in fixtures/ is a plug-in; beside that, which tests run in one process when there are several."""

import signal
from pathlib import Path

import pytest

# A shell's background job ignores Ctrl-C, and so would every process that a test starts and stops by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = sorted(f"tests.fixtures.{module.stem}" for module in Path(__file__).with_name("fixtures").glob("*.py"))

LONGEST = ("whole jobs", "sql", "bad input", "three accounts")  # begun first, so that all processes end together


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay in one process, so that what a module makes is made once; long groups come first."""
    groups = {}
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        group = groups[item] = str(mark.args[0]) if mark else item.nodeid.split("::")[0]
        if mark is None:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: LONGEST.index(groups[item]) if groups[item] in LONGEST else len(LONGEST))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Several processes without the groups would make every module's fixtures once in each of them."""
    if session.config.getoption("loadgroup", default=False) and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError(
            "pytest-xdist does not see the groups of this pytest; use the versions of the lock file."
        )
