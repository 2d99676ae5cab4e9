"""What a person may get wrong before anything runs: one sentence that says what, where, and what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.cli import VERBS
from tests.fixtures.workplace import Office, at

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]

ARGUMENTS = {
    "approve": ["1", "--why", "looked"],
    "audit": ["verify"],
    "decide": ["1"],
    "reject": ["1", "--why", "looked"],
    "replay": ["--cause", "rate missing", "--why", "mended"],
    "trace": ["1"],
}
NEED_NOTHING = {"init", "demo", "up", "down"}


@pytest.mark.parametrize("verb", sorted(set(VERBS) - NEED_NOTHING))
def test_without_a_configuration_a_verb_names_the_next_step_and_makes_nothing(bare: Office, verb: str) -> None:
    said = bare.run(verb, *ARGUMENTS.get(verb, []), "--json")
    assert said.exit_code == 2
    assert said.error == (
        f"Nothing is configured: {bare.home / 'hourline.toml'} does not exist. "
        "Run `hourline init` to choose your systems, or `hourline demo` to see it work without any."
    )
    assert not bare.home.exists()


def test_without_a_configuration_the_command_itself_prints_one_line(bare: Office) -> None:
    said = bare.spawn("land")
    assert said.exit_code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("hourline: Nothing is configured: ")


def test_broken_toml_is_told_with_its_line(office: Office) -> None:
    with (office.home / "hourline.toml").open("a") as handle:
        handle.write("\n[connections.harvest\n")
    said = office.run("plan", "--json")
    assert said.exit_code == 2
    assert f"The configuration {office.home / 'hourline.toml'} is not valid TOML" in said.error
    assert "line" in said.error
    assert "Correct that line." in said.error


def test_a_broken_secrets_file_is_told_without_a_word_of_it(office: Office) -> None:
    path = office.home / "secrets.toml"
    path.write_text(path.read_text() + '\nhalf-a-secret = "tr0uble\n')
    said = office.run("land", "--json")
    assert said.exit_code == 2
    assert f"The secrets file {path} is not valid TOML" in said.error
    assert "tr0uble" not in said.everything


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"system": "harvest"},
            "an unknown system 'harvest'. Known systems are gusto, kantata, netsuite, salesforce, tryton, workday.",
        ),
        ({"base_url": "http://api.example.com"}, "without TLS"),
        ({"base_url": ""}, "has in [connections.kantata] no base_url"),
        ({"color": "blue"}, "an unknown key 'color'"),
        ({"options": {"account": "1"}}, "account"),
        ({"ca_file": "nowhere.pem"}, "a ca_file 'nowhere.pem' that is no file"),
    ],
)
def test_a_wrong_setting_is_named_with_its_section(office: Office, changes: dict[str, object], sentence: str) -> None:
    office.configure("kantata", changes)
    said = office.run("land", "kantata", "--json")
    assert said.exit_code == 2
    assert sentence in said.everything
    assert "kantata" in said.everything


def test_an_unknown_connection_is_answered_with_those_that_exist(office: Office) -> None:
    said = office.run("land", "harvest", "--json")
    assert said.exit_code == 2
    assert f"There is no connection 'harvest' in {office.home / 'hourline.toml'}" in said.error
    assert "there are gusto, kantata, netsuite, salesforce, workday" in said.error


def test_a_missing_secret_is_told_with_both_places_where_it_may_stand_and_the_others_land(office: Office) -> None:
    office.set_secret("salesforce", "client_secret", None)
    said = office.run("land", "salesforce", "workday", "--json")
    assert said.exit_code == 2
    assert "HOURLINE_SECRET__SALESFORCE__CLIENT_SECRET" in said.stopped("salesforce")
    assert str(office.home / "secrets.toml") in said.stopped("salesforce")
    assert [one["connection"] for one in said.document["landed"]] == ["workday"]


def test_init_from_a_file_that_describes_nothing_says_what_it_ought_to_hold(bare: Office, tmp_path: Path) -> None:
    source = tmp_path / "systems.json"
    source.write_text('{"kantata": {"options": {}}}')
    said = bare.run("init", "--from", str(source), "--json")
    assert said.exit_code == 2
    assert f"{source} does not describe connections" in said.error
    assert "It is one JSON object" in said.error


def test_init_that_may_not_ask_says_so(bare: Office) -> None:
    said = bare.run("init", "kantata", "--json")
    assert said.exit_code == 2
    assert "--from FILE" in said.error


def test_a_home_that_is_a_file_is_told(bare: Office) -> None:
    bare.home.write_text("no folder")
    said = bare.spawn("init", "--from", str(bare.firm.out / "simulators.json"), "--no-check", "--no-first-plan")
    assert said.exit_code == 2
    assert str(bare.home) in said.err


def test_a_home_where_nothing_can_be_made_is_told(bare: Office) -> None:
    bare.home = Path("/proc/hourline")
    said = bare.run("init", "--from", str(bare.firm.out / "simulators.json"), "--no-check", "--no-first-plan", "--json")
    assert said.exit_code == 2
    assert "/proc/hourline" in said.error
    assert "Set HOURLINE_HOME to a folder you may write." in said.error


def test_a_warehouse_that_does_not_answer_is_told_without_its_password(office: Office) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    office.secrets.add("s3cr3t-of-the-warehouse")
    office.url = f"postgresql://hourline:s3cr3t-of-the-warehouse@127.0.0.1:{port}/hourline"
    said = office.run("plan", "--json")
    assert said.exit_code == 4
    assert f"The warehouse at 127.0.0.1:{port} cannot be reached" in said.error
    assert "Check that the server runs and HOURLINE_WAREHOUSE_URL is right, then run again." in said.error


def test_a_warehouse_that_is_too_old_is_told_with_the_version_it_needs(office: Office) -> None:
    with postgres_saying(answers_of(b"14.9")) as port:
        office.url = f"postgresql://hourline@127.0.0.1:{port}/hourline?sslmode=disable"
        said = office.run("plan", "--json")
    assert said.exit_code == 2
    assert f"The warehouse at 127.0.0.1:{port} is PostgreSQL 14; Hourline needs 15 or newer." in said.error


def test_a_wrong_password_of_the_warehouse_is_told_without_it(office: Office) -> None:
    office.secrets.add("s3cr3t-of-the-warehouse")
    refusal = b'SFATAL\0C28P01\0Mpassword authentication failed for user "hourline"\0\0'
    with postgres_saying(message(b"R", (3).to_bytes(4, "big")), message(b"E", refusal)) as port:
        office.url = f"postgresql://hourline:s3cr3t-of-the-warehouse@127.0.0.1:{port}/hourline?sslmode=disable"
        said = office.run("doctor", "--offline", "--json")
        assert said.exit_code == 2
        assert f"The warehouse at 127.0.0.1:{port} did not accept the login" in said.everything
        assert "Check user and password in HOURLINE_WAREHOUSE_URL." in said.everything


def test_a_warehouse_address_that_is_none_is_told_without_its_password(office: Office) -> None:
    office.secrets.add("s3cr3t-of-the-warehouse")
    office.url = "mysql://hourline:s3cr3t-of-the-warehouse@127.0.0.1/hourline"
    said = office.run("plan", "--json")
    assert said.exit_code == 2
    assert "HOURLINE_WAREHOUSE_URL is no PostgreSQL address." in said.error


def test_a_database_that_is_not_there_is_told(office: Office, server_url: str) -> None:
    office.url = at(server_url, "hourline_nowhere")
    said = office.run("exceptions", "--json")
    assert said.exit_code == 2
    assert 'database "hourline_nowhere" does not exist' in said.error


def message(kind: bytes, body: bytes) -> bytes:
    """One message of PostgreSQL's protocol."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def answers_of(version: bytes) -> bytes:
    """A server's greeting: signed in, its version, ready."""
    return (
        message(b"R", (0).to_bytes(4, "big"))
        + message(b"S", b"server_version\0" + version + b"\0")
        + message(b"S", b"client_encoding\0UTF8\0")
        + message(b"K", (1).to_bytes(4, "big") * 2)
        + message(b"Z", b"I")
    )


@contextmanager
def postgres_saying(*messages: bytes) -> Iterator[int]:
    """A listener that speaks just enough of PostgreSQL's protocol: one message after each of the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller:
                    for one in messages:
                        if not caller.recv(4096):
                            break
                        caller.sendall(one)
                    else:
                        caller.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def test_a_disk_that_takes_no_more_is_told_with_the_folder(bare: Office) -> None:
    said = bare.spawn_without_room(
        "init", "--from", str(bare.firm.out / "simulators.json"), "--no-check", "--no-first-plan", "--json"
    )
    assert said.exit_code == 2
    assert f"Nothing more can be written below {bare.home}: no file may grow any further" in said.error
    assert "Make room or give the right to write" in said.error


def test_a_disk_that_fills_while_landing_loses_nothing(office: Office) -> None:
    rows, cursors = office.count("raw_workday.workers"), office.cursors("workday")
    said = office.spawn_without_room("land", "workday", "--full", "--json")
    assert said.exit_code == 4
    assert f"Nothing more can be written below {office.home}" in said.stopped("workday")
    assert (office.count("raw_workday.workers"), office.cursors("workday")) == (rows, cursors)
    assert office.run("land", "workday", "--full", "--json").exit_code == 0
