"""Human_Resources by SOAP: Get_Workers (C3.3) and its faults, HTTP 500, to be told apart by faultcode (C3.9)."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from simulators.workday import report

if TYPE_CHECKING:
    from datetime import datetime

    from simulators.firm.model import Consultant, World

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
BSVC = "urn:com.workday/bsvc"
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
PASSWORD_TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
WID_SPACE = uuid.UUID("b5a1f0de-7a0b-4c8e-9a53-0a8f3f0d1c22")
DEFAULT_COUNT, MOST_COUNT = 100, 999
for prefix, uri in (("env", ENVELOPE), ("wd", BSVC)):
    ET.register_namespace(prefix, uri)


class SoapFault(Exception):  # noqa: N818 - the protocol's own word
    """A fault; `code` is the part of faultcode after `SOAP-ENV:`, `detail` (message, detail, xpath) of a validation."""

    def __init__(self, code: str, text: str, detail: tuple[str, str, str] | None = None, processing: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.detail = detail
        self.processing = processing

    def body(self) -> bytes:
        envelope = ET.Element(_env("Envelope"))
        fault = ET.SubElement(ET.SubElement(envelope, _env("Body")), _env("Fault"))
        ET.SubElement(fault, "faultcode").text = f"SOAP-ENV:{self.code}"
        ET.SubElement(fault, "faultstring").text = self.text
        if self.detail is not None:
            detail = ET.SubElement(fault, "detail")
            error = ET.SubElement(ET.SubElement(detail, _wd("Validation_Fault")), _wd("Validation_Error"))
            for name, value in zip(("Message", "Detail_Message", "Xpath"), self.detail, strict=True):
                ET.SubElement(error, _wd(name)).text = value
        if self.processing:
            detail = ET.SubElement(fault, "detail")
            ET.SubElement(ET.SubElement(detail, _wd("Processing_Fault")), _wd("Detail_Message")).text = self.processing
        return bytes(ET.tostring(envelope, encoding="utf-8", xml_declaration=True))


def invalid(message: str, detail: str, xpath: str) -> SoapFault:
    """A value that Workday refuses: HTTP 500 all the same (C3.9)."""
    text = f"Validation error occurred. {message}"
    return SoapFault("Client.validationError", text, (message, detail, f"/wd:Get_Workers_Request[1]/{xpath}"))


@dataclass
class Workers:
    """Get_Workers over the firm. `entered` remembers when each worker was first there, for As_Of_Entry_DateTime."""

    world: World
    entered: dict[str, datetime] = field(default_factory=dict)

    def answer(self, request: ET.Element, version: str) -> bytes:
        """The response envelope for a Get_Workers_Request.

        Raises:
            SoapFault: an unknown reference, page or count.
        """
        found = self._chosen(request)
        page = _whole(request, "Page", 1)
        count = min(MOST_COUNT, _whole(request, "Count", DEFAULT_COUNT))
        pages = max(1, math.ceil(len(found) / count))
        if page > pages:
            raise invalid("Invalid page", f"Page {page} of {pages}", "wd:Response_Filter[1]/wd:Page[1]")
        rows = found[(page - 1) * count : page * count]
        envelope = ET.Element(_env("Envelope"))
        body = ET.SubElement(envelope, _env("Body"))
        response = ET.SubElement(body, _wd("Get_Workers_Response"), {_wd("version"): f"v{version}"})
        results = ET.SubElement(response, _wd("Response_Results"))
        totals = {"Total_Results": len(found), "Total_Pages": pages, "Page_Results": len(rows), "Page": page}
        for name, value in totals.items():
            ET.SubElement(results, _wd(name)).text = str(value)
        data = ET.SubElement(response, _wd("Response_Data"))
        for person in rows:
            self._worker(data, person)
        return bytes(ET.tostring(envelope, encoding="utf-8", xml_declaration=True))

    def _chosen(self, request: ET.Element) -> list[Consultant]:
        people = report.workers(self.world)
        for person in people:
            self.entered.setdefault(person.number, person.modified_at)
        as_of = request.findtext(f".//{_wd('As_Of_Entry_DateTime')}")
        if as_of:
            try:
                until = report.moment(as_of.strip())
            except ValueError:
                path = "wd:Response_Filter[1]/wd:As_Of_Entry_DateTime[1]"
                raise invalid("Invalid date", as_of, path) from None
            people = [c for c in people if self.entered[c.number] <= until]
        references = request.findall(f"./{_wd('Request_References')}/{_wd('Worker_Reference')}/{_wd('ID')}")
        if references:
            return [self._referenced(people, each) for each in references]
        return people

    def _referenced(self, people: list[Consultant], reference: ET.Element) -> Consultant:
        kind, value = reference.get(_wd("type"), ""), (reference.text or "").strip()
        for person in people:
            if value in (wid(person) if kind == "WID" else "", person.hr_id if kind == id_type(person) else ""):
                return person
        xpath = "wd:Request_References[1]/wd:Worker_Reference[1]/wd:ID[1]"
        raise invalid("Invalid ID value.", f"'{value}' is not a valid ID value for type = '{kind}'", xpath)

    def _worker(self, data: ET.Element, person: Consultant) -> None:
        worker = ET.SubElement(data, _wd("Worker"))
        reference = ET.SubElement(worker, _wd("Worker_Reference"))
        ET.SubElement(reference, _wd("ID"), {_wd("type"): "WID"}).text = wid(person)
        ET.SubElement(reference, _wd("ID"), {_wd("type"): id_type(person)}).text = person.hr_id
        ET.SubElement(worker, _wd("Worker_Descriptor")).text = person.full_name
        details = ET.SubElement(worker, _wd("Worker_Data"))
        ET.SubElement(details, _wd("Worker_ID")).text = person.hr_id
        ET.SubElement(details, _wd("User_ID")).text = person.email


def wid(person: Consultant) -> str:
    return uuid.uuid5(WID_SPACE, person.number).hex


def id_type(person: Consultant) -> str:
    return "Contingent_Worker_ID" if person.is_subcontractor else "Employee_ID"


def read_envelope(body: bytes) -> tuple[str, str, ET.Element]:
    """User name, password and the request element of an envelope.

    Raises:
        SoapFault: no XML, no envelope, no UsernameToken with a PasswordText.
    """
    if b"<!DOCTYPE" in body:
        raise SoapFault("Client", "A document type declaration is not allowed")
    try:
        envelope = ET.fromstring(body)  # noqa: S314 - declarations are refused above, so no entity can expand
    except ET.ParseError:
        raise SoapFault("Client", "The request is no XML document") from None
    request = next(iter(envelope.find(_env("Body")) or []), None)
    if envelope.tag != _env("Envelope") or request is None:
        raise SoapFault("Client", "The request is no SOAP envelope with a body")
    token = envelope.find(f"./{_env('Header')}/{{{SECURITY}}}Security/{{{SECURITY}}}UsernameToken")
    user = token.findtext(f"./{{{SECURITY}}}Username", "") if token is not None else ""
    password = token.find(f"./{{{SECURITY}}}Password") if token is not None else None
    if password is None or password.get("Type", PASSWORD_TEXT) != PASSWORD_TEXT:
        raise SoapFault("Client.authenticationError", "invalid username or password")
    return user.strip(), password.text or "", request


def is_get_workers(request: ET.Element) -> bool:
    return request.tag == _wd("Get_Workers_Request")


def _whole(request: ET.Element, name: str, default: int) -> int:
    given = request.findtext(f"./{_wd('Response_Filter')}/{_wd(name)}")
    if given is None:
        return default
    if not given.strip().isdigit() or int(given) < 1:
        raise invalid(f"Invalid {name.lower()}", given, f"wd:Response_Filter[1]/wd:{name}[1]")
    return int(given)


def _env(name: str) -> str:
    return f"{{{ENVELOPE}}}{name}"


def _wd(name: str) -> str:
    return f"{{{BSVC}}}{name}"
