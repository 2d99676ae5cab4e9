"""A pushing process of its own, to be killed: ``python -m tests.reverse_etl.loopback.pusher HOME URL SYSTEM BASE_URL``.

The warehouse address is read from standard input, as it may carry a password.
"""

import sys
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from plumbing.settings import Connection, Settings, load
from reverse_etl.engine import Timing

TIMING = Timing(lease_seconds=3.0, call_seconds=1.0, quiet_seconds=0.3)


def with_destination(settings: Settings, system: str, base_url: str) -> Settings:
    """Settings whose connection ``erp`` is a loopback destination, its writer found like any other."""
    import reverse_etl.erp

    folder = str(Path(__file__).parent / "writers")
    if folder not in reverse_etl.erp.__path__:
        reverse_etl.erp.__path__.append(folder)
    return replace(settings, connections={"erp": Connection(name="erp", system=system, base_url=base_url)})


def main(home: str, system: str, base_url: str) -> None:
    """Push until nothing is due."""
    from reverse_etl.pusher import push

    settings = replace(load(Path(home)), warehouse_url=SecretStr(sys.stdin.read().strip()))
    settings = with_destination(settings, system, base_url)
    for report in push(settings, "erp_labor", timing=TIMING, patience_seconds=30):
        sys.stdout.write(report.text() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
