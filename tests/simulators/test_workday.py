"""The tenant by raw HTTP: the report of workers, Get_Workers, and each refusal that the documents name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import httpx
import pytest

import simulators.workday as workday
from tests.simulators.loopback import Vendor, serve
from tests.simulators.tiny_firm import tiny_firm

if TYPE_CHECKING:
    from collections.abc import Iterator

ENV = "{http://schemas.xmlsoap.org/soap/envelope/}"
WD = "{urn:com.workday/bsvc}"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
SERVICE = "/ccx/service/hartwell/Human_Resources/v45.0"


@pytest.fixture
def tenant(tmp_path) -> Iterator[Vendor]:
    with serve(workday, tiny_firm(), tmp_path) as vendor:
        vendor.http.auth = (vendor.secrets["username"], vendor.secrets["password"])
        yield vendor


def report_path(tenant: Vendor) -> str:
    options = tenant.description["options"]
    return f"/ccx/service/customreport2/{options['tenant']}/{options['report_owner']}/{options['report']}"


def report(tenant: Vendor, **prompts: str) -> httpx.Response:
    return tenant.http.get(report_path(tenant), params={"format": "json", **prompts})


def rows(tenant: Vendor, **prompts: str) -> dict[str, dict[str, str]]:
    response = report(tenant, **prompts)
    assert response.status_code == 200, response.text
    return {row["Work_Email"]: row for row in response.json()["Report_Entry"]}


# --- the report (C3.1)


def test_every_value_is_text_and_an_empty_one_a_missing_key(tenant):
    found = rows(tenant)
    assert all(isinstance(value, str) for row in found.values() for value in row.values())
    ana = found["ana.mueller@hartwell.example"]
    assert ana == {
        "Employee_ID": "E00101",
        "Legal_Name": "Ana Müller",
        "Work_Email": "ana.mueller@hartwell.example",
        "Worker_Type": "Employee",
        "Company": "HW-US",
        "Cost_Center": "CC-100",
        "Hire_Date": "2024-03-04",
        "Last_Modified": "2026-01-05T09:00:00Z",
        "Active_Status": "1",
    }


def test_ids_stand_as_hr_writes_them_and_unknown_people_are_absent(tenant):
    assert sorted(row["Employee_ID"] for row in rows(tenant).values()) == ["103", "E00101", "E00104", "e-102"]


def test_a_termination_counts_from_its_day_on(tenant):
    found = rows(tenant)
    leaving, left = found["cleo@hartwell.example"], found["dan@partners.example"]
    assert (leaving["Termination_Date"], leaving["Active_Status"]) == ("2026-12-31", "1")
    assert (left["Termination_Date"], left["Active_Status"], left["Worker_Type"]) == (
        "2026-06-30",
        "0",
        "Contingent_Worker",
    )
    tenant.http.post("/_control/clock", json={"now": "2027-01-01T12:00:00+00:00"})
    later = rows(tenant)["cleo@hartwell.example"]
    assert (later["Active_Status"], later["Last_Modified"]) == ("0", leaving["Last_Modified"])


def test_the_prompt_selects_what_was_changed_since(tenant):
    assert rows(tenant, Updated_From="2026-11-01") == {}
    tenant.change("hr_rename_worker", number="E00102", last_name="Öztürk")
    tenant.change("hr_terminate_worker", number="E00101", on="2026-11-30")
    changed = rows(tenant, Updated_From="2026-11-16T12:00:00Z")
    assert changed["ben@hartwell.example"]["Legal_Name"] == "Ben Öztürk"
    assert changed["ana.mueller@hartwell.example"]["Termination_Date"] == "2026-11-30"
    assert len(changed) == 2
    assert rows(tenant, Updated_From="2026-11-16T12:00:01+00:00") == {}


def test_a_rescinded_worker_vanishes_without_a_trace(tenant):
    tenant.change("hr_rescind_worker", number="E00102")
    assert "ben@hartwell.example" not in rows(tenant)
    assert rows(tenant, Updated_From="2026-11-01") == {}


def test_the_schema_names_the_columns(tenant):
    response = tenant.http.get(report_path(tenant) + "?xsds")
    names = [e.get("name") for e in tree(response).iter() if e.tag.endswith("element")]
    assert {"Employee_ID", "Termination_Date", "Report_Entry"} <= set(names)


def test_the_user_may_be_written_with_the_tenant_or_come_by_bearer(tenant):
    tenant.http.auth = (f"{tenant.secrets['username']}@hartwell", tenant.secrets["password"])
    assert report(tenant).status_code == 200
    tenant.http.auth = None
    token = tenant.change("hr_issue_token")["token"]
    tenant.http.headers["Authorization"] = f"Bearer {token}"
    assert report(tenant).status_code == 200


@pytest.mark.parametrize("authorization", ["", "Basic !!!", "Basic bm9ib2R5Om5v", "Bearer nonsense"])
def test_a_wrong_sign_in_is_401(tenant, authorization):
    tenant.http.auth = None
    response = tenant.http.get(report_path(tenant), headers={"Authorization": authorization})
    assert (response.status_code, response.json()) == (401, {"error": "invalid username or password"})


@pytest.mark.parametrize(
    ("query", "status"),
    [({}, 400), ({"format": "csv"}, 400), ({"Colour": "red"}, 400), ({"Updated_From": "yesterday"}, 400)],
)
def test_a_bad_question_is_refused(tenant, query, status):
    query = query if "format" in query or not query else {"format": "json", **query}
    assert tenant.http.get(report_path(tenant), params=query).status_code == status


def test_another_report_is_404_and_a_withdrawn_permission_403(tenant):
    assert tenant.http.get(report_path(tenant) + "_2", params={"format": "json"}).status_code == 404
    tenant.change("hr_settings", authorized=False)
    assert report(tenant).status_code == 403


def test_a_call_limit_is_off_unless_named(tenant, tmp_path):
    assert {report(tenant).status_code for _ in range(30)} == {200}
    with serve(workday, tiny_firm(), tmp_path, frozenset({"workday_calls_a_second"})) as limited:
        limited.http.auth = (limited.secrets["username"], limited.secrets["password"])
        assert 429 in {report(limited).status_code for _ in range(30)}


# --- Get_Workers (C3.3, C3.9)


def call(
    tenant: Vendor, inner: str = "", user: str = "", password: str = "", operation: str = "Get_Workers"
) -> httpx.Response:
    user = user or f"{tenant.secrets['username']}@hartwell"
    password = password or tenant.secrets["password"]
    body = (
        '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wd="urn:com.workday/bsvc">'
        f'<env:Header><wsse:Security xmlns:wsse="{WSSE}"><wsse:UsernameToken><wsse:Username>{user}</wsse:Username>'
        f"<wsse:Password>{password}</wsse:Password></wsse:UsernameToken></wsse:Security></env:Header>"
        f"<env:Body><wd:{operation}_Request>{inner}</wd:{operation}_Request></env:Body></env:Envelope>"
    )
    return tenant.http.post(SERVICE, content=body.encode(), headers={"Content-Type": "text/xml"}, auth=None)


def tree(response: httpx.Response) -> ET.Element:
    return ET.fromstring(response.content)  # noqa: S314 - the simulator's own


def fault(response: httpx.Response) -> tuple[int, str, str]:
    found = tree(response).find(f".//{ENV}Fault")
    assert found is not None
    return response.status_code, found.findtext("faultcode", ""), found.findtext("faultstring", "")


def page_filter(**values: Any) -> str:
    return (
        "<wd:Response_Filter>" + "".join(f"<wd:{n}>{v}</wd:{n}>" for n, v in values.items()) + "</wd:Response_Filter>"
    )


def people(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    found = tree(response).iter(f"{WD}Worker")
    return [worker.findtext(f"./{WD}Worker_Data/{WD}Worker_ID", "") for worker in found]


def test_workers_come_with_a_wid_and_a_reference_id(tenant):
    response = call(tenant)
    assert people(response) == ["E00101", "e-102", "103", "E00104"]
    root = tree(response)
    references = [[i.get(f"{WD}type") for i in r] for r in root.iter(f"{WD}Worker_Reference")]
    assert references[0] == ["WID", "Employee_ID"]
    assert references[3] == ["WID", "Contingent_Worker_ID"]
    assert root.findtext(f".//{WD}Total_Results") == "4"


def test_pages_shift_unless_the_entry_moment_is_fixed(tenant):
    assert people(call(tenant, page_filter(Page=2, Count=3))) == ["E00104"]
    tenant.http.post("/_control/clock", json={"advance_seconds": 60})
    newcomer = tenant.app.world.consultants["E00105"]
    newcomer.hr_id, newcomer.number = "E00105", "E00100"
    tenant.app.world.touch(newcomer)
    assert people(call(tenant, page_filter(Page=2, Count=3))) == ["103", "E00104"]
    fixed = page_filter(As_Of_Entry_DateTime="2026-11-16T12:00:00Z", Page=2, Count=3)
    assert people(call(tenant, fixed)) == ["E00104"]


def test_references_choose_workers(tenant):
    reference = '<wd:Worker_Reference><wd:ID wd:type="Employee_ID">{}</wd:ID></wd:Worker_Reference>'
    one = f"<wd:Request_References>{reference}</wd:Request_References>"
    assert people(call(tenant, one.format("e-102"))) == ["e-102"]
    response = call(tenant, one.format("E09999"))
    status, code, text = fault(response)
    assert (status, code) == (500, "SOAP-ENV:Client.validationError")
    assert "Invalid ID value" in text
    error = tree(response).find(f".//{WD}Validation_Fault/{WD}Validation_Error")
    assert [child.tag for child in error] == [f"{WD}Message", f"{WD}Detail_Message", f"{WD}Xpath"]


@pytest.mark.parametrize("bad", [{"Page": 9}, {"Page": 0}, {"Count": "many"}, {"As_Of_Entry_DateTime": "soon"}])
def test_a_bad_filter_is_a_validation_fault_at_500(tenant, bad):
    assert fault(call(tenant, page_filter(**bad)))[:2] == (500, "SOAP-ENV:Client.validationError")


@pytest.mark.parametrize(
    ("user", "password"), [("ISU_Hourline@hartwell", "no"), ("ISU_Hourline", ""), ("x@hartwell", "")]
)
def test_a_wrong_user_is_an_authentication_fault_at_500(tenant, user, password):
    status, code, text = fault(call(tenant, user=user, password=password))
    assert (status, code) == (500, "SOAP-ENV:Client.authenticationError")
    assert "invalid username or password" in text


def test_a_withdrawn_permission_is_a_client_fault(tenant):
    tenant.change("hr_settings", authorized=False)
    status, code, text = fault(call(tenant))
    assert (status, code) == (500, "SOAP-ENV:Client")
    assert "task submitted is not authorized" in text


def test_a_processing_fault_carries_its_detail(tenant):
    tenant.change("hr_settings", processing_fault="Try again")
    response = call(tenant)
    assert fault(response)[0] == 500
    assert tree(response).findtext(f".//{WD}Processing_Fault/{WD}Detail_Message") == "Try again"


@pytest.mark.parametrize("body", [b"not xml", b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_what_is_no_envelope_is_a_client_fault(tenant, body):
    assert fault(tenant.http.post(SERVICE, content=body))[:2] == (500, "SOAP-ENV:Client")


def test_another_operation_is_a_client_fault(tenant):
    assert fault(call(tenant, operation="Get_Candidates"))[:2] == (500, "SOAP-ENV:Client")


def test_the_wsdl_points_at_this_address(tenant):
    response = tenant.http.get(SERVICE + "?wsdl", auth=None)
    assert f'location="{tenant.base_url}{SERVICE}"' in response.text
    assert tenant.http.get(SERVICE).status_code == 404
