"""What a door says of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Engine = Literal["sql", "gx"]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule on one batch.

    Attributes:
        rule: the rule's name, which is its file's.
        level: `row` (a failure holds the rows) or `batch` (a failure holds the batch, or the source at landing).
        severity: `critical` acts; `warning` only tells.
        failed_rows: how many rows failed.
        subjects: the first failed subjects (intent ids, source ids or resources); all of them at the departure door.
        message: what the rule promises and what to do, one sentence each.
    """

    rule: str
    level: str
    severity: str
    failed_rows: int
    subjects: tuple[str, ...]
    message: str

    @property
    def passed(self) -> bool:
        """True where no row broke the promise."""
        return self.failed_rows == 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sum of a door's rules on one batch.

    Attributes:
        door: `landing` or `departure`.
        subject: the connection, or the plan's id.
        results: one a rule, in the order of their names.
    """

    door: str
    subject: str
    results: tuple[RuleResult, ...] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        """False where a critical rule of the whole batch failed: the batch, or the source, is to be stopped."""
        return not any(r.level == "batch" and r.severity == "critical" and not r.passed for r in self.results)

    @property
    def failed_rules(self) -> tuple[RuleResult, ...]:
        """Every rule that failed, warnings too."""
        return tuple(r for r in self.results if not r.passed)

    @property
    def failed_rows(self) -> dict[str, list[int]]:
        """Intent ids to hold, by rule. Empty at the landing door, where a row is held by its sync view."""
        if self.door != "departure":
            return {}
        return {
            r.rule: [int(subject) for subject in r.subjects]
            for r in self.failed_rules
            if r.level == "row" and r.severity == "critical"
        }

    @property
    def message(self) -> str:
        """One line for a person: which rules failed, on how many rows, and what to do."""
        if not self.failed_rules:
            return f"{self.door} door, {self.subject}: {len(self.results)} rules passed"
        lines = [f"{r.rule} ({r.failed_rows}): {r.message}" for r in self.failed_rules]
        return f"{self.door} door, {self.subject}: " + " | ".join(lines)
