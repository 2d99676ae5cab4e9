"""The metadata catalogue: which record types there are and what their fields are (sheet A1), as far as simulated."""

from __future__ import annotations

from typing import Any

from simulators.netsuite.records import RECORD_TYPES, Field, RecordType

_JSON_TYPES = {"flag": "boolean", "number": "number", "ref": "object", "entity": "object", "enum": "object"}
_FORMATS = {"date": "date", "instant": "date-time"}


def catalog(root: str) -> dict[str, Any]:
    """The list of record types with links to their schemas."""
    return {
        "items": [
            {
                "name": kind.tag,
                "links": [
                    {
                        "rel": "canonical",
                        "href": f"{root}/metadata-catalog/{kind.tag}",
                        "mediaType": "application/schema+json",
                    }
                ],
            }
            for kind in RECORD_TYPES.values()
        ]
    }


def schema(kind: RecordType) -> dict[str, Any]:
    """JSON Schema of one record type."""
    return {"type": "object", "properties": {field.name: _property(field) for field in kind.fields}}


def openapi(select: str) -> dict[str, Any]:
    """The OpenAPI document of all record types, or of the selected ones."""
    wanted = {name.strip().lower() for name in select.split(",") if name.strip()}
    kinds = [kind for key, kind in RECORD_TYPES.items() if not wanted or key in wanted]
    return {
        "openapi": "3.0.1",
        "info": {"title": "NetSuite REST Record API", "version": "v1"},
        "paths": {f"/{kind.tag}/{{id}}": {"get": {"operationId": f"get_{kind.tag}"}} for kind in kinds},
        "components": {"schemas": {kind.tag: schema(kind) for kind in kinds}},
    }


def _property(field: Field) -> dict[str, Any]:
    described: dict[str, Any] = {"title": field.name, "type": _JSON_TYPES.get(field.kind, "string")}
    if field.kind in _FORMATS:
        described["format"] = _FORMATS[field.kind]
    if field.names is not None:
        described["properties"] = {"id": {"type": "string", "enum": sorted(field.names)}}
    return described
