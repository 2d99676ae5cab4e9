"""The connector table of the README, made from what the code can do: `python -m flows.connectors`.

Grain: one row a system and entity. *Read* and *write* come from the declared resources and syncs, *amend* and *delete*
from the writer's own capabilities; *proven on* says which witnesses the repository's tests put in front of it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reverse_etl.syncs import Sync
    from reverse_etl.writer import Capabilities

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- connectors:begin -->", "<!-- connectors:end -->"
HEADER = "| system | entity | read | write | amend | delete | reverse | proven on |\n|---|---|---|---|---|---|---|---|"


def table() -> str:
    """The table as Markdown."""
    return "\n".join([HEADER, *_reading(), *_writing()])


def _reading() -> list[str]:
    import ingest
    from plumbing import catalog

    return [
        _row(system, ", ".join(ingest.resources(system)), "yes", *[""] * 4)
        for system in catalog.systems("ingest.sources")
    ]


def _writing() -> list[str]:
    from plumbing import catalog
    from reverse_etl.destinations import writer_class
    from reverse_etl.syncs import SYNCS

    rows = []
    for sync in SYNCS.values():
        for system in catalog.systems(f"reverse_etl.{sync.kind}"):
            can = writer_class(sync, system).capabilities
            amend = can.can_amend and "amend" in sync.operations
            delete = can.can_delete and "delete" in sync.operations
            cells = ("yes" if able else "" for able in (amend, delete))
            rows.append(_row(system, sync.entity, "", "yes", *cells, _correction(sync, can)))
    return rows


def _correction(sync: Sync, can: Capabilities) -> str:
    """How what is billed or closed is answered there: by a reversing row, by an adjustment, or not by us."""
    told = {"yes": "yes", "unconfirmed": f"proposed; yes with `{can.reverse_option}`", "no": ""}
    if "reverse" in sync.operations and can.reverse != "no":
        return told[can.reverse]
    return "adjusts" if "adjust" in sync.operations and can.adjust == "yes" else ""


def _row(system: str, *cells: str) -> str:
    return f"| {system} | " + " | ".join([*cells, ", ".join(_witnesses(system))]) + " |"


def _witnesses(system: str) -> list[str]:
    places = {
        "simulator": list((ROOT / "simulators").glob(f"{system}*")),
        "foreign client": list((ROOT / "tests" / "foreign").glob(f"test_{system}_client.py")),
        "real system": list((ROOT / "tests" / "real").glob(f"test_{system}*.py")),
    }
    return [name for name, found in places.items() if found]


def renew(readme: Path) -> bool:
    """Puts the table between the README's marks; True where it changed."""
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    renewed = f"{head}{BEGIN}\n{table()}\n{END}{tail}"
    readme.write_text(renewed, encoding="utf-8")
    return renewed != text


if __name__ == "__main__":
    sys.stdout.write("README.md renewed\n" if renew(ROOT / "README.md") else "README.md is up to date\n")
