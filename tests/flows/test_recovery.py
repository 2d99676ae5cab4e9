"""`hourline recover` as people type it."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from flows.cli import cli
from flows.cli.frame import Desk, ExitCode
from plumbing.settings import Connection

pytestmark = pytest.mark.warehouse


@pytest.fixture
def configured(settings, monkeypatch):
    """A home with an ERP in it, and its database."""
    erp = Connection(name="netsuite", system="netsuite", base_url="http://127.0.0.1:9/services/rest")
    monkeypatch.setattr(Desk, "settings", replace(settings, connections={"netsuite": erp}))


def recover(*arguments: str):
    return CliRunner().invoke(cli, ["recover", *arguments])


def test_opening_without_a_reason_is_refused(configured):
    said = recover("--open")
    assert (said.exit_code, "need --why" in said.output) == (2, True)


def test_an_epoch_is_opened_shown_and_ended(configured):
    assert "No recovery is under way" in recover().output
    opened = recover("--open", "--why", "restored 14:00").output
    assert "Epoch 2 is open: 0 planned creates will be looked up" in opened
    assert "netsuite: creates are looked up first since" in opened
    ended = recover("--close", "netsuite", "--why", "looked there")
    assert ended.exit_code == ExitCode.OK
    again = recover("--close", "netsuite", "--why", "looked there")
    assert (again.exit_code, "No recovery is under way at netsuite" in again.output) == (2, True)
