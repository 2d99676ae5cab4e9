"""How the command line fails: one sentence, an exit code that means something, and never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from flows.cli import VERBS, cli
from flows.cli.frame import Desk, ExitCode, as_plain, exit_code_of, leave
from plumbing.errors import Misconfigured, RateLimited, Refused, Unauthorized
from reverse_etl.report import PlanTotal, PushReport


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_nothing_configured_is_one_sentence_that_names_the_next_step(home: Path) -> None:
    result = run("land", "--home", str(home))
    assert result.exit_code == ExitCode.MISCONFIGURED
    assert result.output.startswith("hourline: Nothing is configured: ")
    assert "`hourline init`" in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_line_that_is_not_toml_is_named_with_its_place(home: Path) -> None:
    (home / "hourline.toml").write_text("[connections.kantata\n")
    result = run("plan", "--home", str(home))
    assert result.exit_code == ExitCode.MISCONFIGURED
    assert "is not valid TOML" in result.output
    assert "line 1" in result.output
    assert "Traceback" not in result.output


def test_an_unknown_system_is_answered_with_the_known_ones(home: Path) -> None:
    (home / "hourline.toml").write_text('[connections.x]\nsystem = "acme"\nbase_url = "https://acme.example"\n')
    result = run("reconcile", "--home", str(home))
    assert result.exit_code == ExitCode.MISCONFIGURED
    assert "unknown system 'acme'" in result.output


def test_json_failure_is_one_document_on_standard_output(home: Path) -> None:
    result = CliRunner().invoke(cli, ["exceptions", "--json", "--home", str(home)])
    assert json.loads(result.stdout)["error"]["kind"] == "Misconfigured"


def test_the_options_every_verb_shares_may_stand_before_it(home: Path) -> None:
    result = run("--json", "--home", str(home), "exceptions")
    assert json.loads(result.stdout)["error"]["kind"] == "Misconfigured"


def test_debug_shows_where_it_happened(home: Path) -> None:
    result = run("plan", "--debug", "--home", str(home))
    assert "Traceback" in result.output
    assert result.exit_code == ExitCode.MISCONFIGURED


def test_a_defect_of_ours_is_named_as_one_and_not_dumped(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> ExitCode:
        raise ZeroDivisionError("division by zero")

    assert leave(Desk(), body) == ExitCode.FAILED
    said = capsys.readouterr().err
    assert "defect in Hourline" in said
    assert "--debug" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misconfigured("x"), ExitCode.MISCONFIGURED),
        (RateLimited("x"), ExitCode.STOPPED),
        (Unauthorized("x"), ExitCode.STOPPED),
        (Refused("x"), ExitCode.FAILED),
    ],
)
def test_exit_code_tells_who_has_to_act(error: Exception, code: ExitCode) -> None:
    assert exit_code_of(error) == code


def test_every_verb_is_listed_and_explains_itself() -> None:
    listing = run("--help").output
    for name in VERBS:
        assert name in listing
        helped = run(name, "--help")
        assert helped.exit_code == 0, name
        assert "--json" in helped.output
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.help, name


def test_help_imports_none_of_the_heavy_libraries() -> None:
    heavy = "dbt", "dlt", "prefect", "great_expectations", "sqlalchemy", "psycopg", "httpx", "pydantic", "rich"
    program = (
        "import sys\nfrom flows.cli import cli\n"
        "try:\n    cli(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_money_and_hours_leave_as_text_in_plain_notation() -> None:
    assert as_plain({"amount": Decimal("1E+3"), "minutes": Decimal("7.500000")}) == {
        "amount": "1000",
        "minutes": "7.500000",
    }


def test_a_push_report_and_a_plan_total_are_json_with_their_counts() -> None:
    report = PushReport("erp_labor", "netsuite")
    report.add("acknowledged", 2)
    report.add("acknowledged")
    assert report.as_dict()["counts"] == {"acknowledged": 3}
    total = PlanTotal("create", "planned", None, "erp", "DE", None, "EUR", 1, Decimal(480), Decimal("12.50"))
    assert (as_plain(total)["minutes"], as_plain(total)["amount"]) == ("480", "12.50")
