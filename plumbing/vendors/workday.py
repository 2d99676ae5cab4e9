"""Workday: reports as a service (RaaS) over HTTP Basic.

Path: ``/ccx/service/customreport2/{tenant}/{owner}/{report}?format=json``.
Limits: unconfirmed by the vendor; ours are cautious.
Errors: SOAP faults also where JSON was asked for, with status 500 for what is the caller's fault: the fault code
decides, not the status.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from pydantic import Field, SecretStr

from plumbing.auth import BasicAuth
from plumbing.errors import Forbidden, HourlineError, Misconfigured, Refused, Unauthorized
from plumbing.http import Allowance, Client, Envelope, Timeouts, body_of_error
from plumbing.vendor_options import VendorOptions, VendorSecrets, options_of, secrets_of

if TYPE_CHECKING:
    from plumbing.settings import Connection

ALLOWANCE = Allowance(concurrency=2)
REPORT_TIMEOUT_SECONDS = 300.0  # a report is computed whole before its first byte

_FAULT_CODE = re.compile(r"<(?:\w+:)?faultcode[^>]*>\s*([^<\s]+)")
_FAULT_STRING = re.compile(r"<(?:\w+:)?faultstring[^>]*>\s*([^<]*)")
_FAULT_XPATH = re.compile(r"<(?:\w+:)?Xpath[^>]*>\s*([^<]*)")


class Options(VendorOptions):
    """``tenant``, and the report of workers: its owner and its name, as they stand in the report's address."""

    tenant: str = Field(min_length=1)
    report_owner: str = Field(min_length=1)
    report: str = Field(min_length=1)


class Secrets(VendorSecrets):
    """An integration system user that may run the report."""

    username: SecretStr
    password: SecretStr


def client(connection: Connection, **seams: Any) -> Client:
    """A client whose paths begin at the host; `report_path` gives the report's. ``seams`` as in `Client`."""
    options = options_of(connection, Options)
    secrets = secrets_of(connection, Secrets)
    if httpx.URL(connection.base_url).path not in {"", "/"}:
        raise Misconfigured(
            f"The base_url of connection {connection.name} has a path: {connection.base_url}.",
            system=connection.system,
            connection=connection.name,
            remedy="Write the host only; tenant, owner and report are options.",
        )
    return Client(
        connection,
        auth=BasicAuth(secrets.username.get_secret_value(), secrets.password),
        allowance=options.limits(ALLOWANCE),
        error_reader=read_error,
        timeout=Timeouts(read_seconds=REPORT_TIMEOUT_SECONDS),
        **seams,
    )


def report_path(connection: Connection) -> str:
    """Path of the configured report; ask it with ``format=json``."""
    options = options_of(connection, Options)
    parts = (quote(one, safe="") for one in (options.tenant, options.report_owner, options.report))
    return f"ccx/service/customreport2/{'/'.join(parts)}"


def read_error(response: httpx.Response) -> Envelope:
    """A SOAP fault by its code; else whatever JSON says under ``error`` or ``message``."""
    if (found := _FAULT_CODE.search(response.text)) is None:
        body = body_of_error(response)
        words = (body.get("error") or body.get("message")) if isinstance(body, dict) else None
        return Envelope(detail=words if isinstance(words, str) else None)
    code = found.group(1).rpartition(":")[2]
    string = _FAULT_STRING.search(response.text)
    xpath = _FAULT_XPATH.search(response.text)
    detail = string.group(1).strip() if string else None
    kind, category = _fault_kind(code, (detail or "").lower())
    return Envelope(
        kind=kind, code=code, detail=detail, field=xpath.group(1).strip() if xpath else None, category=category
    )


def _fault_kind(code: str, words: str) -> tuple[type[HourlineError] | None, str]:
    if code.endswith("authenticationError"):
        return Unauthorized, "permission"
    if "not authorized" in words:
        return Forbidden, "permission"
    if code.endswith("validationError"):
        return Refused, "invalid_reference" if "invalid id value" in words else "validation"
    return None, "validation"
