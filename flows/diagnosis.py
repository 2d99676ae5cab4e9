"""What is configured, reachable, and wrong: findings, one sentence each, that change nothing and send nothing."""

from __future__ import annotations

import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from plumbing.errors import HourlineError, Misconfigured
from plumbing.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    from plumbing.settings import Settings

_TOOLS = ("dbt-core", "dlt", "great-expectations", "prefect")
_MISCONFIGURED, _STOPPED = 2, 4


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `exit_code` is what `doctor` ends with when it isn't good."""

    subject: str
    is_good: bool
    message: str
    exit_code: int = 0


def everything(settings: Settings, *, offline: bool = False) -> list[Finding]:
    """Versions, configuration, rules, warehouse, models, orchestration; and, unless offline, every connection."""
    found = [_versions(settings), _configuration(settings), _rule_files(settings)]
    warehouse = _guarded("warehouse", lambda: _warehouse(settings))
    found.append(warehouse)
    if warehouse.is_good:
        found += [
            _guarded("rules", lambda: _rules_hold(settings)),
            _guarded("routing", lambda: _routes(settings)),
            _guarded("models", lambda: _models(settings)),
            *_field_maps(settings),
        ]
    found.append(_orchestration(settings))
    return found + ([] if offline else connections(settings))


def connections(settings: Settings) -> list[Finding]:
    """Each connection's options, credentials and scopes, by reading a little through it; all at once."""
    names = list(settings.connections)
    with ThreadPoolExecutor(max_workers=8) as pool:
        return [one for found in pool.map(lambda name: _connection(settings, name), names) for one in found]


def _connection(settings: Settings, name: str) -> list[Finding]:
    import ingest

    try:
        return [
            Finding(
                f"{name}: {one.subject}",
                one.is_well,
                f"{one.message} {one.remedy}".strip(),
                0 if one.is_well else _STOPPED,
            )
            for one in ingest.check(settings, name)
        ]
    except HourlineError as error:
        return [Finding(name, is_good=False, message=str(error), exit_code=_code_of(error))]


def _field_maps(settings: Settings) -> list[Finding]:
    """Every destination's field map fits its writer and the columns its sync gives."""
    from reverse_etl import destinations, syncs

    found = []
    engine = Warehouse.open(settings).engine("deliver")
    try:
        for sync in syncs.SYNCS.values():
            for destination in destinations.of_sync(settings, sync):
                with engine.connect() as connection:
                    found.append(_guarded(f"field map {destination}", lambda c=connection, s=sync, d=destination:  # type: ignore[misc]
                                          _field_map(settings, s, d, c)))  # fmt: skip
    finally:
        engine.dispose()
    return found


def _field_map(settings: Settings, sync: object, destination: str, connection: object) -> Finding:
    from reverse_etl import destinations

    writer = destinations.open_writer(settings, sync, destination, connection)  # type: ignore[arg-type]
    writer.close()
    return Finding(f"field map {destination}", is_good=True, message=f"{sync.name} fits its writer")  # type: ignore[attr-defined]


def _versions(settings: Settings) -> Finding:
    tools = ", ".join(f"{name} {metadata.version(name)}" for name in _TOOLS)
    return Finding(
        "versions", is_good=True, message=f"Python {platform.python_version()}, {tools}; home {settings.home}"
    )


def _configuration(settings: Settings) -> Finding:
    secrets = settings.home / "secrets.toml"
    if secrets.exists() and secrets.stat().st_mode & 0o077:
        return Finding("secrets", is_good=False, exit_code=_MISCONFIGURED,
                       message=f"{secrets} can be read by others. Run: chmod 600 {secrets}")  # fmt: skip
    names = ", ".join(f"{name} ({one.system})" for name, one in settings.connections.items())
    return Finding("configuration", is_good=True, message=f"{settings.config_path}: {names}")


def _rule_files(settings: Settings) -> Finding:
    from flows.dbt import PROJECT

    wanted = {path.name for path in (PROJECT / "seeds").glob("*.csv")}
    lacking = sorted(wanted - {path.name for path in settings.rules_dir.glob("*.csv")})
    if lacking:
        return Finding("rule files", is_good=False, exit_code=_MISCONFIGURED,
                       message=f"{settings.rules_dir} lacks {', '.join(lacking)}. Copy them from dbt_project/seeds "
                               "and fill them in.")  # fmt: skip
    return Finding("rule files", is_good=True, message=f"{len(wanted)} files in {settings.rules_dir}")


def _rules_hold(settings: Settings) -> Finding:
    from flows import rules

    return Finding("rules", is_good=True, message=f"{rules.require_good(settings):,} rows fit their tables")


def _routes(settings: Settings) -> Finding:
    with Warehouse.open(settings).connect("operate") as connection:
        rows = connection.execute("select distinct destination from rule.routing order by 1").fetchall()
    unknown = [name for (name,) in rows if name not in settings.connections]
    if unknown:
        raise Misconfigured(
            f"The routing rules send hours to {', '.join(unknown)}, which no connection is called.",
            remedy=f"Correct {settings.rules_dir / 'routing.csv'} and run `hourline build`, or add the connection.",
        )
    return Finding("routing", is_good=True, message=f"{len(rows)} destinations, all of them connected")


def _warehouse(settings: Settings) -> Finding:
    with Warehouse.open(settings).connect("operate") as connection:
        row = connection.execute(
            "select current_setting('server_version'), pg_size_pretty(pg_database_size(current_database())),"
            " to_regclass('delivery.intent') is not null"
        ).fetchone()
    assert row is not None  # noqa: S101  an aggregate-free select without from gives one row
    if not row[2]:
        raise Misconfigured("The warehouse has no ledger yet.", remedy="Run `hourline build`.")
    return Finding("warehouse", is_good=True, message=f"PostgreSQL {row[0]}, {row[1]}")


def _models(settings: Settings) -> Finding:
    with Warehouse.open(settings).connect("operate") as connection:
        count = connection.execute(
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname in ('sync', 'marts') and c.relkind in ('v', 'r')"
        ).fetchone()
    if not count or not count[0]:
        raise Misconfigured("The models are not built yet.", remedy="Run `hourline build`.")
    return Finding("models", is_good=True, message=f"{count[0]} sync views and marts stand")


def _orchestration(settings: Settings) -> Finding:
    from flows import orchestration

    server = orchestration.find(settings)
    if server is None:
        return Finding("prefect", is_good=True, message="no server is up; `nightly` starts its own, `up` keeps one")
    return Finding("prefect", is_good=True, message=f"server at {server.ui_url}")


def _guarded(subject: str, look: Callable[[], Finding]) -> Finding:
    """What `look` found, or the sentence of the error it met."""
    try:
        return look()
    except HourlineError as error:
        return Finding(subject, is_good=False, message=str(error), exit_code=_code_of(error))


def _code_of(error: HourlineError) -> int:
    return _MISCONFIGURED if isinstance(error, Misconfigured) else _STOPPED
