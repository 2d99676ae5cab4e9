"""Settings: what is wrong is one sentence, what is missing is allowed until it is needed, secrets stay secret."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plumbing.errors import Misconfigured
from plumbing.redaction import redact
from plumbing.settings import Settings, load

GOOD = """
[connections.netsuite_us]
system = "netsuite"
base_url = "https://123.suitetalk.api.netsuite.com/services/rest/"
[connections.netsuite_us.options]
account_id = "123"
"""


def configured(home: Path, text: str) -> Settings:
    (home / "hourline.toml").write_text(text, encoding="utf-8")
    return load(home)


def test_connection_is_read(home: Path) -> None:
    connection = configured(home, GOOD).connection("netsuite_us")
    assert (connection.name, connection.system) == ("netsuite_us", "netsuite")
    assert connection.base_url == "https://123.suitetalk.api.netsuite.com/services/rest"
    assert connection.options == {"account_id": "123"}


def test_no_configuration_loads_and_says_so_when_a_connection_is_needed(home: Path) -> None:
    settings = load(home)
    assert settings.connections == {}
    with pytest.raises(
        Misconfigured, match=r"Nothing is configured: .*hourline\.toml does not exist\. Run `hourline init`"
    ):
        settings.connection("netsuite")


def test_unknown_connection_names_those_that_exist(home: Path) -> None:
    with pytest.raises(Misconfigured, match=r"There is no connection 'gusto' in .*; there are netsuite_us"):
        configured(home, GOOD).connection("gusto")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = = 1", r"is not valid TOML: .*line 1"),
        ("[other]\na = 1", r"has an unknown section \[other\]"),
        ("connections = 3", r"has a value named connections"),
        ("[connections]\na = 3", r"has a plain value at connections\.a"),
        (
            '[connections.a]\nbase_url = "https://x.example"',
            r"has in \[connections\.a\] no system\. Known systems are gusto",
        ),
        (
            '[connections.a]\nsystem = "acme"\nbase_url = "https://x"',
            r"an unknown system 'acme'\. Known systems are gusto",
        ),
        ('[connections.a]\nsystem = "gusto"', r"has in \[connections\.a\] no base_url"),
        ('[connections.a]\nsystem = "gusto"\nbase_url = "gusto"', r"a base_url 'gusto' that is no web address"),
        ('[connections.a]\nsystem = "gusto"\nbase_url = "https://[::1"', r"a base_url that is no address"),
        ('[connections.a]\nsystem = "gusto"\nbase_url = "http://api.gusto.com"', r"without TLS"),
        ('[connections.a]\nsystem = "gusto"\nbase_url = "https://u:hunter22@x.example"', r"credentials in it"),
        ('[connections.a]\nsystem = "gusto"\nbase_url = "https://x.example"\nca_file = "no.pem"', r"ca_file 'no.pem'"),
        ('[connections.a]\nsystem = "gusto"\nbase_url = "https://x.example"\nurl = "y"', r"an unknown key 'url'"),
        (
            '[connections.a]\nsystem = "gusto"\nbase_url = "https://x.example"\noptions = 1',
            r"options that are no section",
        ),
        ("[connections.Gusto-US]", r"names a connection 'Gusto-US'"),
        ("[connections.hourline]", r"names a connection 'hourline'"),
        ("[connections.a__b]", r"names a connection 'a__b'"),
    ],
)
def test_wrong_configuration_is_one_sentence_that_names_the_file(home: Path, text: str, sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence) as caught:
        configured(home, text)
    assert str(home / "hourline.toml") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_configuration_that_is_not_text_is_said(home: Path) -> None:
    (home / "hourline.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match=r"is not UTF-8 text"):
        load(home)


def test_ca_file_is_found_beside_the_configuration(home: Path) -> None:
    (home / "ca.pem").write_text("x")
    text = '[connections.a]\nsystem = "gusto"\nbase_url = "https://x.example"\nca_file = "ca.pem"'
    assert configured(home, text).connection("a").ca_file == home / "ca.pem"


def test_secret_of_the_environment_wins_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "secrets.toml").write_text('[netsuite_us]\ntoken_id = "from-file"\ntoken_secret = "also-file"\n')
    monkeypatch.setenv("HOURLINE_SECRET__NETSUITE_US__TOKEN_ID", "from-environment")
    connection = configured(home, GOOD).connection("netsuite_us")
    assert connection.secret("token_id").get_secret_value() == "from-environment"
    assert connection.secret("token_secret").get_secret_value() == "also-file"


def test_missing_secret_says_where_to_set_it(home: Path) -> None:
    connection = configured(home, GOOD).connection("netsuite_us")
    with pytest.raises(Misconfigured, match=r"has no secret token_id\. Set HOURLINE_SECRET__NETSUITE_US__TOKEN_ID, or"):
        connection.secret("token_id")


def test_misnamed_secret_variable_is_said_without_its_value(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURLINE_SECRET__TOKEN", "hunter22")
    with pytest.raises(Misconfigured, match=r"HOURLINE_SECRET__TOKEN names no connection and field") as caught:
        load(home)
    assert "hunter22" not in str(caught.value)


def test_broken_secrets_file_is_said_without_its_content(home: Path) -> None:
    (home / "secrets.toml").write_text('[netsuite_us]\ntoken_id = "hunter22\n')
    with pytest.raises(Misconfigured, match=r"secrets\.toml is not valid TOML: at line 2") as caught:
        configured(home, GOOD)
    assert "hunter22" not in str(caught.value)


def test_secrets_are_in_no_repr(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURLINE_SECRET__NETSUITE_US__TOKEN_ID", "hunter22")
    monkeypatch.setenv("HOURLINE_WAREHOUSE_URL", "postgresql://me:hunter33@db.example/x")
    settings = configured(home, GOOD)
    assert settings.master_key.get_secret_value() not in repr(settings)
    assert "hunter" not in repr(settings) + repr(settings.connections)


def test_master_key_is_made_once_and_kept_for_the_owner_alone(home: Path) -> None:
    first = load(home / "deep" / "er").master_key.get_secret_value()
    assert len(first) == 64
    assert load(home / "deep" / "er").master_key.get_secret_value() == first
    assert stat.S_IMODE((home / "deep" / "er" / "secrets.toml").stat().st_mode) == 0o600


def test_secrets_of_other_connections_survive_a_save(home: Path) -> None:
    settings = configured(home, GOOD)
    settings.store.save("gusto", {"refresh_token": 'r"1\n'})
    settings.store.save("netsuite_us", {"token_id": "ti-1234"})
    assert settings.store.section("gusto") == {"refresh_token": 'r"1\n'}
    assert load(home).connection("netsuite_us").secret("token_id").get_secret_value() == "ti-1234"


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://u:hunter22@h:port/db", "nonsense", "postgresql:///db"])
def test_bad_warehouse_address_is_said_without_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HOURLINE_WAREHOUSE_URL", url)
    with pytest.raises(Misconfigured, match=r"HOURLINE_WAREHOUSE_URL is no PostgreSQL address") as caught:
        load(home)
    assert "hunter22" not in str(caught.value)


def test_rules_are_the_given_folder_else_the_homes_else_the_projects(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(home).rules_dir.parts[-2:] == ("dbt_project", "seeds")
    (home / "rules").mkdir()
    assert load(home).rules_dir == home / "rules"
    (home / "mine").mkdir()
    monkeypatch.setenv("HOURLINE_RULES_DIR", str(home / "mine"))
    assert load(home).rules_dir == home / "mine"
    monkeypatch.setenv("HOURLINE_RULES_DIR", str(home / "none"))
    with pytest.raises(Misconfigured, match=r"HOURLINE_RULES_DIR names .*none, which is no folder"):
        load(home)


def test_home_is_taken_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURLINE_HOME", str(home / "data"))
    assert load().home == home / "data"
    assert load().config_path == home / "data" / "hourline.toml"


def test_every_variable_that_is_read_stands_in_the_example() -> None:
    root = Path(__file__).parents[2]
    source = (root / "plumbing" / "settings.py").read_text()
    example = (root / ".env.example").read_text()
    read = {word.strip("\"',)") for word in source.split('"') if word.startswith("HOURLINE_") and word.isupper()}
    assert read >= {"HOURLINE_HOME", "HOURLINE_WAREHOUSE_URL"}
    assert [name for name in sorted(read) if name not in example] == []


def test_importing_what_help_needs_imports_nothing_heavy() -> None:
    heavy = [
        "pydantic",
        "httpx",
        "psycopg",
        "sqlalchemy",
        "alembic",
        "structlog",
        "stamina",
        "oauthlib",
        "tomlkit",
        "psutil",
        "cryptography",
    ]
    program = (
        "import sys, plumbing.settings, plumbing.errors, plumbing.log, plumbing.warehouse, plumbing.catalog,"
        f" plumbing.clock, plumbing.canonical; print([name for name in {heavy!r} if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root, env=environment
    )
    assert done.stdout.strip() == "[]"


def test_saves_at_once_lose_nothing(home: Path) -> None:
    store = load(home).store
    threads = [
        threading.Thread(target=store.save, args=(f"c{number % 3}", {f"field_{number}": f"value-{number}"}))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    kept = {field: value for section in ("c0", "c1", "c2") for field, value in store.section(section).items()}
    assert kept == {f"field_{number}": f"value-{number}" for number in range(12)}


def test_password_is_masked_in_texts_and_the_user_name_beside_it_is_not(home: Path) -> None:
    load(home).store.save("workday", {"username": "isu_reader", "password": "hunter2222"})
    assert redact("isu_reader hunter2222") == "isu_reader [redacted]"
