"""Finds the rules: SQL files with a header of `-- key: value` lines, and a promise in words.

The text below the header selects the rows that break the promise, as `subject`, from `{batch}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plumbing.errors import Misconfigured

HERE = Path(__file__).parent
LEVELS = frozenset({"row", "batch"})
SEVERITIES = frozenset({"critical", "warning"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise about a batch.

    Attributes:
        name: the file's name.
        door: `landing` or `departure`.
        system: the vendor it is for; empty: every one.
        level: `row` or `batch`.
        severity: `critical` or `warning`.
        batch: which rows it reads: `loads`, `raw.<resource>` or `intents`.
        promise: what holds, in words.
        remedy: what to do when it does not.
        query: the SQL, with `{batch}` where the batch's rows come in.
    """

    name: str
    door: str
    system: str
    level: str
    severity: str
    batch: str
    promise: str
    remedy: str
    query: str

    def sql(self, batch: str) -> str:
        """The rule's SQL over the given relation or parenthesised select."""
        return self.query.replace("{batch}", batch)


def rules(door: str, system: str = "") -> tuple[Rule, ...]:
    """Every rule of a door that applies to a system, by name.

    Raises:
        Misconfigured: a rule's header lacks a key or has an unknown value.
    """
    folders = [HERE / door, *([HERE / door / system] if system else [])]
    found = [_read(path, door) for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.sql"))]
    return tuple(sorted(found, key=lambda rule: rule.name))


def _read(path: Path, door: str) -> Rule:
    header: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    while lines and lines[0].startswith("-- "):
        key, _, value = lines.pop(0)[3:].partition(": ")
        header[key] = value.strip()
    missing = {"level", "severity", "promise", "remedy"} - header.keys()
    if missing or header["level"] not in LEVELS or header["severity"] not in SEVERITIES:
        raise Misconfigured(
            f"The rule {path.name} of the {door} door has no valid header (level, severity, promise, remedy).",
            remedy=f"Write the header lines of {path.name} as the other rules have them.",
        )
    return Rule(
        name=path.stem,
        door=door,
        system=path.parent.name if path.parent.name != door else "",
        level=header["level"],
        severity=header["severity"],
        batch=header.get("batch", "intents"),
        promise=header["promise"],
        remedy=header["remedy"],
        query="\n".join(lines).strip().rstrip(";"),
    )
