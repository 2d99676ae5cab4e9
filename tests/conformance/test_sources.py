"""Every source that is found, held to the same rules; nobody lists them."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

from ingest import sources
from ingest.declaration import Resource
from ingest.shaping import Keys, Row, Shaper
from plumbing import catalog

SYSTEMS = catalog.systems("ingest.sources")
RESOURCES = [
    pytest.param(system, resource, id=f"{system}-{resource.name}")
    for system in SYSTEMS
    for resource in sources.resources(system)
]
EXAMPLES: dict[str, Any] = {
    "text": "x",
    "integer": 1,
    "number": 1,
    "numeric_text": "1.5",
    "boolean": True,
    "flag": "T",
    "date": "2026-09-01",
    "instant": "2026-09-01T00:00:00Z",
    "naive_instant": "2026-09-01 00:00:00",
    "reference": "1",
    "object": {},
    "list": [],
    "any": None,
}
IO_MODULES = {"httpx", "psycopg", "sqlalchemy", "dlt", "plumbing", "requests", "socket", "pathlib", "os", "subprocess"}


def test_there_are_sources() -> None:
    assert SYSTEMS


@pytest.mark.parametrize("system", SYSTEMS)
def test_name_and_section_are_the_folders_name(system: str) -> None:
    module = importlib.import_module(f"ingest.sources.{system}.source")
    assert (module.source.name, module.source.section) == (system, system)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_dlt_source_wires_every_declared_resource_and_reads_nothing(system: str) -> None:
    def read_nothing(_resource: Resource) -> Any:
        raise AssertionError("wiring a source must not read")

    wired = sources.load(system).dlt_source(read_nothing)
    assert set(wired.resources) == {resource.name for resource in sources.resources(system)}


@pytest.mark.parametrize("system", SYSTEMS)
def test_decode_does_no_input_or_output(system: str) -> None:
    module = importlib.import_module(f"ingest.sources.{system}.decode")
    tree = ast.parse(Path(inspect.getfile(module)).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & IO_MODULES
    assert "open" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_source_offers_what_landing_asks(system: str) -> None:
    returned = inspect.signature(sources.load(system).open).return_annotation
    module = importlib.import_module(f"ingest.sources.{system}.source")
    offered = getattr(module, str(returned))
    for name in ("read", "read_window", "find", "totals", "hints", "check"):
        expected = list(inspect.signature(getattr(sources.Source, name)).parameters)
        assert list(inspect.signature(getattr(offered, name)).parameters) == expected, name


@pytest.mark.parametrize(("system", "resource"), RESOURCES)
def test_the_key_is_text_that_every_record_has(system: str, resource: Resource) -> None:
    [key] = [field for field in resource.fields if field.name == resource.key]
    assert (key.kind, key.presence, key.nullable) == ("text", "always", False)


@pytest.mark.parametrize(("system", "resource"), RESOURCES)
def test_a_stamp_is_an_instant_that_every_record_has(system: str, resource: Resource) -> None:
    if resource.source_version is None:
        return
    [stamp] = [field for field in resource.fields if field.name == resource.source_version]
    assert stamp.kind in {"instant", "naive_instant"}
    assert stamp.presence == "always"


@pytest.mark.parametrize(("system", "resource"), RESOURCES)
def test_a_record_of_exactly_what_is_declared_fits(system: str, resource: Resource) -> None:
    record = {field.name: EXAMPLES[field.kind] for field in resource.fields}
    shaper = Shaper(resource, "any", Keys.derive("0" * 64))
    shaped = shaper.shape(record)
    assert isinstance(shaped, Row), shaped
    assert shaper.new_fields == {}


@pytest.mark.parametrize(("system", "resource"), RESOURCES)
def test_no_declared_personal_field_stays_in_clear(system: str, resource: Resource) -> None:
    for personal in resource.personal:
        if len(personal.path) > 1:
            continue
        record = {field.name: EXAMPLES[field.kind] for field in resource.fields} | {personal.path[0]: "Ann Lee"}
        shaped = Shaper(resource, "any", Keys.derive("0" * 64)).shape(record)
        assert "Ann Lee" not in shaped.record


@pytest.mark.parametrize(("system", "resource"), RESOURCES)
def test_names_fit_an_identifier(system: str, resource: Resource) -> None:
    assert resource.name.isidentifier()
    assert resource.name == resource.name.lower()
