"""The doors as Great Expectations runs them: one suite a door, results kept under <home>/gx, Data Docs made from them.

The suites are made from the rules on every run and are a build product; only the context's configuration is committed.
The warehouse's address is handed over at run time and is written nowhere.
"""

from __future__ import annotations

import functools
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.rules import Rule
    from plumbing.settings import Settings

CONFIGURATION = Path(__file__).parent / "gx" / "great_expectations.yml"
ADDRESS = "HOURLINE_DOORS_URL"


def run_suite(
    settings: Settings, door: str, subject: str, found: tuple[Rule, ...], batches: dict[str, str]
) -> set[str]:
    """Runs the rules as suites, one a kind of batch, and gives the names of those that failed.

    Great Expectations keeps at most 200 failed rows of an expectation, so the door reads the rows to hold by itself. Its
    pages are made when somebody asks for them (`data_docs`): drawing them took longer than asking the rules.

    Raises:
        UnexpectedAnswer: the warehouse refused a rule; a rule that could not run has not passed.
    """
    import great_expectations as gx

    context = _context(settings)
    source = _source(context)
    definitions = []
    for batch in sorted({rule.batch for rule in found}):
        members = [rule for rule in found if rule.batch == batch]
        name = f"{door} {batch}" + (f" of {subject}" if door == "landing" else "")
        asset = source.add_query_asset(name=name, query=batches[members[0].name])
        suite = context.suites.add_or_update(gx.ExpectationSuite(name=name))
        for rule in members:
            suite.add_expectation(_expectation(rule))
        suite.save()
        whole = asset.add_batch_definition_whole_table(name)
        definitions.append(
            context.validation_definitions.add_or_update(gx.ValidationDefinition(name=name, data=whole, suite=suite))
        )
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(
            name=f"{door} {subject}",
            validation_definitions=definitions,
            actions=[],
            result_format={"result_format": "SUMMARY"},
        )
    )
    return _failed_rules(checkpoint.run())


def data_docs(settings: Settings) -> Path:
    """Builds the Data Docs of every door's last runs and gives the page to open."""
    context = _context(settings)
    context.build_data_docs()
    return settings.home / "gx" / "uncommitted" / "data_docs" / "index.html"


def _context(settings: Settings) -> Any:
    address = Warehouse.open(settings).url("operate").replace("postgresql://", "postgresql+psycopg://", 1)
    return _context_at(settings.home / "gx", address)


@functools.lru_cache(maxsize=1)
def _context_at(root: Path, address: str) -> Any:
    """Kept for the process: a night asks a dozen doors, and making a context takes as long as asking one."""
    import great_expectations as gx

    if not (root / "great_expectations.yml").exists():
        root.mkdir(parents=True, exist_ok=True)
        shutil.copy(CONFIGURATION, root / "great_expectations.yml")
    return gx.get_context(
        mode="file", context_root_dir=str(root), runtime_environment={ADDRESS: address.replace("$", r"\$")}
    )


def _source(context: Any) -> Any:
    from great_expectations.datasource.fluent.interfaces import GxDatasourceWarning

    # The PostgreSQL data source takes no address of a Unix socket; the generic one does, and warns that it is generic.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GxDatasourceWarning)
        return context.data_sources.add_or_update_sql(name="warehouse", connection_string="${" + ADDRESS + "}")


# Great Expectations puts a subquery where {batch} stands: with an alias of its own in a query without a join, with none in one
# with a join, and a PostgreSQL before 16 takes none without. The join with one row makes every query one with a join.
BATCH = "(select batch.* from {batch} as batch cross join (select 1) as one_row)"


def _expectation(rule: Rule) -> Any:
    from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
    from great_expectations.expectations.metadata_types import FailureSeverity

    return UnexpectedRowsExpectation(
        unexpected_rows_query=rule.sql(BATCH),
        description=rule.promise,
        severity=FailureSeverity(rule.severity),
        meta={"rule": rule.name, "remedy": rule.remedy},
    )


def _failed_rules(outcome: Any) -> set[str]:
    from plumbing.errors import UnexpectedAnswer

    failed = set()
    for run in outcome.run_results.values():
        for result in run.results:
            rule = result.expectation_config.meta["rule"]
            raised = [info for info in _exceptions(result.exception_info) if info.get("raised_exception")]
            if raised:
                raise UnexpectedAnswer(
                    f"The rule {rule} could not run: {str(raised[0].get('exception_message', '')).splitlines()[0]}",
                    remedy="The batch is not let through. Correct the rule's SQL, or build the models it reads.",
                )
            if not result.success:
                failed.add(rule)
    return failed


def _exceptions(info: dict[str, Any]) -> list[dict[str, Any]]:
    if "raised_exception" in info:
        return [info]
    return [value for value in info.values() if isinstance(value, dict)]
