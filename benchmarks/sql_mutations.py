"""How many small faults in the SQL the unit tests find.

Takes each model that decides about money, dates or eligibility, makes one fault at a time in its compiled SQL (a predicate
dropped, a comparison flipped, a date shifted, a coalesce turned round, a branch or a distinct left out, arithmetic or
an order turned), and asks the model's unit tests. Each test's fixtures are compiled by dbt once and put into tables; a
fault is then one query a test, in a transaction that is rolled back. A fault is found when a row comes out otherwise
or the query fails. SQL that PostgreSQL does not take at all is no fault and is not counted.

    python -m benchmarks.sql_mutations [--write]

Runs on an embedded warehouse of its own. What nothing finds stands in docs/mutations.md, each with its reason; `--write`
brings the figures there up to date, keeps the reasons, and leaves a gap where one is missing.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import sqlglot

from benchmarks._sql_faults import Fault, faults
from benchmarks._sql_proofs import NotProvedError, Proof, build_and_prove

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MODELS = (
    "int_time_entries_stated",
    "int_time_entries_weighed",
    "int_labor_resolved",
    "int_labor_rated",
    "int_labor_routed",
    "int_labor_placed",
    "int_labor_decided",
    "int_payroll_days_staffed",
    "int_payroll_days_placed",
    "int_payroll_days_decided",
    "int_time_entries_invoiced",
    "labor_entry",
    "rate",
    "sync_erp__labor",
    "sync_payroll__hours",
    "sync_psa__invoice_status",
)
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "mutations.md"
NOT_SQL = "42"  # SQLSTATE class: syntax, unknown names, types that do not fit


@dataclass
class Tally:
    """What became of the faults of one model."""

    model: str
    found: int = 0
    missed: list[Fault] = field(default_factory=list)
    not_sql: int = 0

    @property
    def total(self) -> int:
        """Faults that PostgreSQL takes."""
        return self.found + len(self.missed)


class Bench:
    """The unit tests of one model, their fixtures as tables, each test in a schema of its own."""

    def __init__(self, connection: psycopg.Connection[Any], proofs: Sequence[Proof]) -> None:
        self._connection = connection
        self._proofs = list(proofs)
        self._schema = {proof.name: f"proof_{number}" for number, proof in enumerate(proofs)}
        for proof in self._proofs:
            schema = self._schema[proof.name]
            connection.execute(f"create schema {schema}".encode())
            for table, sql in proof.fixtures.items():
                # A fixture that asks for the time is asked again by every query.
                kind = "view" if "statement_timestamp()" in sql else "table"
                connection.execute(f'create {kind} {schema}."{table}" as {sql}'.encode())
        plain = sqlglot.parse_one(proofs[0].body, read="postgres").sql(dialect="postgres")
        self._expected = {proof.name: self._rows(proof, proof.body) for proof in self._proofs}
        if any(self._rows(proof, plain) != self._expected[proof.name] for proof in self._proofs):
            raise NotProvedError(
                f"{proofs[0].model}: written anew without a fault the SQL gives other rows; no figure can be made of it."
            )

    def finds(self, sql: str) -> bool | None:
        """Whether a test notices; None when PostgreSQL does not take the SQL."""
        for position, proof in enumerate(self._proofs):
            try:
                with self._connection.transaction():
                    same = self._rows(proof, sql) == self._expected[proof.name]
            except psycopg.Error as error:
                if (error.sqlstate or "").startswith(NOT_SQL):
                    return None
                same = False
            if not same:
                # What found one fault is asked first about the next.
                self._proofs.insert(0, self._proofs.pop(position))
                return True
        return False

    def _rows(self, proof: Proof, body: str) -> list[Any]:
        columns = ", ".join(f'actual."{column}"' for column in proof.columns)
        self._connection.execute(f"set local search_path = {self._schema[proof.name]}".encode())
        return self._connection.execute(
            f"select row({columns})::text from ({body}) as actual order by 1".encode()
        ).fetchall()


def run(
    url: str, proofs: Iterable[Proof], models: Sequence[str] = MODELS, *, sample: int | None = None, seed: int = 0
) -> list[Tally]:
    """One tally a model; with `sample`, so many faults in all, drawn over the models by `seed`."""
    by_model = {model: [proof for proof in proofs if proof.model == model] for model in models}
    if missing := [model for model, its in by_model.items() if not its]:
        raise NotProvedError(f"No unit test of {', '.join(missing)}.")
    chosen = {model: faults(its[0].body) for model, its in by_model.items()}
    if sample is not None:
        everything = [(model, fault) for model, its in chosen.items() for fault in its]
        drawn = random.Random(seed).sample(everything, min(sample, len(everything)))  # noqa: S311  # which faults to try is no secret
        chosen = {model: [fault for its_model, fault in drawn if its_model == model] for model in models}
    tallies = []
    with psycopg.connect(url) as connection:
        connection.execute("set statement_timeout = '10s'")
        for model in models:
            tally = Tally(model)
            with connection.transaction(force_rollback=True):
                bench = Bench(connection, by_model[model])
                for fault in chosen[model]:
                    found = bench.finds(fault.sql)
                    if found is None:
                        tally.not_sql += 1
                    elif found:
                        tally.found += 1
                    else:
                        tally.missed.append(fault)
            tallies.append(tally)
    return tallies


def share(tallies: Iterable[Tally]) -> float:
    """Found of all, over all models."""
    kept = list(tallies)
    return sum(tally.found for tally in kept) / max(1, sum(tally.total for tally in kept))


def explained(document: Path = DOCUMENT) -> dict[tuple[str, str], str]:
    """The reasons in the document, by model and fault."""
    row = re.compile(r"^\| `([^`]+)` \| `(.+)` \| (.*) \|$")
    lines = document.read_text(encoding="utf-8").splitlines() if document.exists() else []
    return {(found[1], found[2]): found[3].strip() for line in lines if (found := row.match(line))}


def written(tallies: Sequence[Tally], reasons: dict[tuple[str, str], str]) -> str:
    """The document."""
    found, total = sum(tally.found for tally in tallies), sum(tally.total for tally in tallies)
    lines = [
        "# Faults in the SQL that the unit tests find",
        "",
        "Written by `python -m benchmarks.sql_mutations --write`; the module says what a fault is. The reasons below are ours and are kept.",
        "",
        f"**{found} of {total} found ({found / total:.1%}).**",
        "",
        "| model | found | of |",
        "|---|---|---|",
        *(f"| {tally.model} | {tally.found} | {tally.total} |" for tally in tallies),
        "",
        "## What nothing finds, and why",
        "",
        "| model | fault | why |",
        "|---|---|---|",
    ]
    for tally in tallies:
        for fault in tally.missed:
            key = (tally.model, shown(fault))
            lines.append(f"| `{key[0]}` | `{key[1]}` | {reasons.get(key, '')} |")
    return "\n".join(lines) + "\n"


def shown(fault: Fault) -> str:
    """A fault as one cell of a table."""
    return fault.description.replace("|", "¦").replace("`", "'")


def main() -> None:
    """Every fault of every model, on a warehouse of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="bring docs/mutations.md up to date")
    parser.add_argument("--model", action="append", help="only this model; may be repeated, and writes nothing")
    asked = parser.parse_args()
    from plumbing import settings as env
    from plumbing.warehouse import Warehouse

    with tempfile.TemporaryDirectory(prefix="hourline-") as home:
        settings = env.load(Path(home))
        warehouse = Warehouse.open(settings)
        try:
            warehouse.migrate()
            proofs = build_and_prove(settings)
            began = time.monotonic()
            tallies = run(warehouse.url(), proofs, asked.model or MODELS)
        except NotProvedError as error:
            raise SystemExit(str(error)) from None
        finally:
            warehouse.stop()
    reasons = explained()
    for tally in tallies:
        print(f"{tally.model:28} {tally.found:4} of {tally.total:4} found")
        for fault in tally.missed:
            print(
                f"    missed: {fault.description}\n        {reasons.get((tally.model, shown(fault))) or 'no reason given'}"
            )
    print(f"{share(tallies):.1%} found in {time.monotonic() - began:.0f} s")
    if asked.write and not asked.model:
        DOCUMENT.write_text(written(tallies, reasons), encoding="utf-8")
    sys.exit(0 if share(tallies) >= 0.9 else 1)


if __name__ == "__main__":
    main()
