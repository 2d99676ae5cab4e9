"""What a source may do wrong, from the simulated vendors through the command line: one sentence, the rest goes on."""

from __future__ import annotations

import socket

import pytest

from tests.bad_input.conftest import Office

pytestmark = [pytest.mark.warehouse, pytest.mark.xdist_group("bad input")]

WRONG = "wr0ng-" + "f00dcafe" * 4
CREDENTIALS = {
    "kantata": "token",
    "salesforce": "client_secret",
    "workday": "password",
    "netsuite": "token_secret",
    "gusto": "access_token",
}


@pytest.mark.parametrize("system", CREDENTIALS)
def test_wrong_credentials_stop_their_source_alone_and_say_where_to_mend_them(office: Office, system: str) -> None:
    office.set_secret(system, CREDENTIALS[system], WRONG)
    if system == "gusto":  # its refresh token would mend the wrong access token by itself
        office.set_secret(system, "refresh_token", WRONG)
    before = office.cursors(system)
    other = "workday" if system != "workday" else "salesforce"
    said = office.run("land", system, other, "--json")
    print(said.out, said.err)
    assert said.exit_code == 4
    assert [one["connection"] for one in said.document["landed"]] == [other]
    assert f"secrets of connection {system}" in said.stopped(system)
    assert office.cursors(system) == before
