"""Personal values under the person's own key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.shaping import Keys, Secret, personal_token
from ingest.vault import Vault
from plumbing.errors import Misconfigured
from plumbing.warehouse import Warehouse

pytestmark = pytest.mark.warehouse
KEYS = Keys.derive("0" * 64)


def secret(value: str, person: str = "psa:user:1", of: str = "name") -> Secret:
    return Secret(personal_token(KEYS, of, value), person, of, value)


@pytest.fixture
def vault(warehouse: Warehouse) -> Iterator[Vault]:
    with warehouse.connect("load", autocommit=True) as session:
        yield Vault(session, KEYS)
        session.execute("delete from vault.personal_value")
        session.execute("delete from vault.person_key")


def test_a_value_can_be_read_back_by_its_token(vault: Vault) -> None:
    one = secret("Zoë Müller")
    vault.keep([one])
    assert vault.reveal(one.token) == "Zoë Müller"


def test_keeping_again_keeps_one(vault: Vault, warehouse: Warehouse) -> None:
    vault.keep([secret("Ann"), secret("Ann")])
    with warehouse.connect("load", autocommit=True) as session:
        Vault(session, KEYS).keep([secret("Ann")])
        assert session.execute("select count(*) from vault.personal_value").fetchone() == (1,)


def test_erasing_one_person_leaves_another_of_the_same_name(vault: Vault) -> None:
    one, other = secret("Ann Lee", "psa:user:1"), secret("Ann Lee", "psa:user:2")
    vault.keep([one, other])
    assert vault.erase(["psa:user:1"]) == 1
    assert vault.reveal(one.token) == "Ann Lee"
    vault.erase(["psa:user:2"])
    assert vault.reveal(one.token) is None


def test_an_erased_person_is_not_kept_again_when_read_again(vault: Vault, warehouse: Warehouse) -> None:
    vault.keep([secret("Ann")])
    vault.erase(["psa:user:1"])
    with warehouse.connect("load", autocommit=True) as session:
        Vault(session, KEYS).keep([secret("Ann Lee-Smith")])
        assert Vault(session, KEYS).reveal(secret("Ann Lee-Smith").token) is None


def test_another_master_key_opens_nothing_and_says_so(vault: Vault, warehouse: Warehouse) -> None:
    vault.keep([secret("Ann")])
    with warehouse.connect("load", autocommit=True) as session, pytest.raises(Misconfigured, match="does not open"):
        Vault(session, Keys.derive("1" * 64)).reveal(secret("Ann").token)
