"""A home that was just initialised: every verb answers sensibly before anything has landed, been built or sent."""

from __future__ import annotations

import itertools
import signal
import socket
from collections.abc import Iterator

import psycopg
import pytest

from tests.fixtures.simulators import Firm
from tests.fixtures.workplace import Office, Said, at, secrets_of

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]


@pytest.fixture(scope="module")
def fresh(shared_firm: Firm, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Initialised without a question, nothing read."""
    database = "hourline_bad_fresh"
    with psycopg.connect(server_url, autocommit=True) as session:
        session.execute(f"create database {database}")
    with pytest.MonkeyPatch.context() as environment:
        office = Office(
            tmp_path_factory.mktemp("fresh") / "home", at(server_url, database), shared_firm, environment,
            secrets_of(shared_firm),
        )  # fmt: skip
        said = office.spawn(
            "init", "--from", str(shared_firm.out / "simulators.json"), "--rules", str(shared_firm.out / "rules"),
            "--no-first-plan", "--json",
        )  # fmt: skip
        assert said.exit_code == 0, said.everything
        assert all(one["is_good"] for one in said.document["findings"])
        yield office
    with psycopg.connect(server_url, autocommit=True) as session:
        session.execute(f"drop database {database} with (force)")
    assert office.files_with_secrets() == []


def test_init_writes_what_it_says_and_the_secrets_for_their_owner_alone(fresh: Office) -> None:
    assert (fresh.home / "secrets.toml").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in fresh.home.iterdir()} >= {"hourline.toml", "rules", "secrets.toml"}


@pytest.mark.parametrize("verb", ["plan", "push", "adopt", "reconcile"])
def test_what_needs_the_models_asks_for_a_build_and_writes_nothing(fresh: Office, verb: str) -> None:
    said = fresh.run(verb, "--json")
    assert said.exit_code == 2
    assert "Run `hourline build`" in said.error
    assert fresh.count("delivery.intent") == 0


def test_doctor_says_that_the_models_are_not_built_and_that_all_else_is_well(fresh: Office) -> None:
    said = fresh.run("doctor", "--json")
    assert said.exit_code == 2
    bad = [(one["subject"], one["message"]) for one in said.document if not one["is_good"]]
    assert bad == [("models", "The models are not built yet. Run `hourline build`.")]


def test_an_empty_queue_says_so(fresh: Office) -> None:
    assert fresh.run("exceptions").out == "No open exceptions.\n"
    assert fresh.run("exceptions", "--json").document == []
    assert fresh.run("replay", "--cause", "rate missing", "--why", "mended", "--json").document == {"replayed": 0}


def test_an_hour_that_never_landed_has_no_story(fresh: Office) -> None:
    said = fresh.run("trace", "4711", "--json")
    assert said.exit_code == 1
    assert said.error == (
        "No version of time entry 4711 was ever landed. Check the id in the PSA; `hourline land` reads what is new."
    )


def test_the_doors_of_an_empty_warehouse_stop_nothing(fresh: Office) -> None:
    said = fresh.run("check", "--json")
    assert said.exit_code == 0
    assert all(one["passed"] for one in said.document.values())


def test_docs_are_built_before_anything_has_landed_and_served_beside_a_taken_port(fresh: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with fresh.start("docs", "--serve", "--port", str(port)) as process:
            assert process.stdout is not None
            lines = list(itertools.takewhile(lambda line: "Ctrl-C stops" not in line, process.stdout))
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)
    said = fresh.heard(Said(process.returncode, "".join(lines) + rest, errors), ())
    assert said.exit_code == 0, said.everything
    for page in (fresh.home / "dbt" / "target" / "index.html", fresh.home / "gx/uncommitted/data_docs/index.html"):
        assert str(page) in said.out
        assert page.is_file()
    assert "http://127.0.0.1:" in said.out
    assert f"http://127.0.0.1:{port}/" not in said.out
