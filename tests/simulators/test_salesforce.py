"""The org by raw HTTP: sign-in, limits, and each refusal that its documents name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import simulators.salesforce as salesforce
from tests.simulators.loopback import Vendor, serve
from tests.simulators.tiny_firm import tiny_firm

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = "/services/data/v67.0"
TOKEN = "/services/oauth2/token"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
INVOICES = f"{DATA}/composite/sobjects/Invoice_Status__c/ERP_Key__c"


@pytest.fixture
def org(tmp_path) -> Iterator[Vendor]:
    with serve(salesforce, tiny_firm(), tmp_path) as vendor:
        sign_in(vendor)
        yield vendor


def sign_in(org: Vendor) -> str:
    secrets = org.secrets
    response = org.http.post(
        TOKEN, data={"grant_type": "client_credentials"}, auth=(secrets["client_id"], secrets["client_secret"])
    )
    assert response.status_code == 200, response.text
    org.http.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
    return str(response.json()["instance_url"])


def query(org: Vendor, soql: str, path: str = "query") -> httpx.Response:
    return org.http.get(f"{DATA}/{path}", params={"q": soql})


def records(org: Vendor, soql: str, path: str = "query") -> list[dict[str, Any]]:
    response = query(org, soql, path)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["records"]
    return found


def upsert(org: Vendor, *rows: dict[str, Any], all_or_none: bool = False) -> httpx.Response:
    body = [{"attributes": {"type": "Invoice_Status__c"}, **row} for row in rows]
    return org.http.patch(INVOICES, json={"allOrNone": all_or_none, "records": body})


def error_of(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert isinstance(body, list)
    assert set(body[0]) >= {"message", "errorCode"}
    return response.status_code, body[0]["errorCode"]


# --- sign-in (A.2)


def test_it_is_served_by_tls_with_the_test_authority_alone(org):
    assert org.base_url.startswith("https://")
    with pytest.raises(httpx.ConnectError):
        httpx.get(org.base_url + DATA + "/limits")


def test_client_credentials_come_by_basic_or_by_form(org):
    form = {"grant_type": "client_credentials", **org.secrets}
    assert org.http.post(TOKEN, data=form).json()["token_type"] == "Bearer"
    assert sign_in(org) == org.base_url


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}, "invalid_client_id"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": JWT_GRANT, "assertion": "not.a.token"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "client_id": "nobody", "refresh_token": "x"}, "invalid_client_id"),
    ],
)
def test_a_refused_grant_is_400_with_an_object(org, form, error):
    response = org.http.post(TOKEN, data=form)
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert response.json()["error_description"]


def test_a_wrong_client_secret_is_refused(org):
    response = org.http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=(org.secrets["client_id"], "no"))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client")


def test_client_credentials_work_only_on_the_org_s_own_host(org):
    form = {"grant_type": "client_credentials", **org.secrets}
    response = org.http.post(TOKEN, data=form, headers={"Host": "login.salesforce.com"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def assertion(org: Vendor, key: rsa.RSAPrivateKey, **claims: Any) -> httpx.Response:
    payload = {
        "iss": org.secrets["client_id"],
        "sub": "integration@hartwell.example",
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
    }
    signed = jwt.encode(payload | claims, key, algorithm="RS256")
    return org.http.post(TOKEN, data={"grant_type": JWT_GRANT, "assertion": signed})


def test_the_jwt_grant_checks_key_audience_user_and_expiry(org):
    key = rsa.generate_private_key(65537, 2048)
    assert assertion(org, key).json()["error"] == "invalid_grant"  # no certificate uploaded yet
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    org.change("crm_upload_certificate", public_key=public.decode())
    good = assertion(org, key)
    assert good.status_code == 200
    assert "refresh_token" not in good.json()
    refused = [
        assertion(org, key, aud="https://elsewhere.example"),
        assertion(org, key, sub="stranger@hartwell.example"),
        assertion(org, key, exp=int(time.time()) - 60),
        assertion(org, rsa.generate_private_key(65537, 2048)),
    ]
    assert [r.status_code for r in refused] == [400] * 4
    assert len({r.json()["error_description"] for r in refused}) == 4


def test_fields_of_the_token_answer_known_from_memory_are_off_unless_named(org, tmp_path):
    form = {"grant_type": "client_credentials", **org.secrets}
    assert "issued_at" not in org.http.post(TOKEN, data=form).json()
    with serve(salesforce, tiny_firm(), tmp_path, frozenset({"salesforce_token_extras"})) as other:
        assert other.http.post(TOKEN, data=form).json()["issued_at"].isdigit()


def test_no_token_and_an_ended_session_are_401_with_an_array(org):
    del org.http.headers["Authorization"]
    assert error_of(org.http.get(f"{DATA}/limits")) == (401, "INVALID_SESSION_ID")
    sign_in(org)
    assert org.http.get(f"{DATA}/limits").status_code == 200
    org.change("crm_end_sessions")
    assert error_of(org.http.get(f"{DATA}/limits")) == (401, "INVALID_SESSION_ID")


def test_a_session_ends_after_its_seconds(org):
    org.change("crm_settings", session_seconds=0.2)
    sign_in(org)
    deadline = time.monotonic() + 10
    while org.http.get(f"{DATA}/limits").status_code == 200:
        assert time.monotonic() < deadline
    assert error_of(org.http.get(f"{DATA}/limits")) == (401, "INVALID_SESSION_ID")


# --- limits (A.8)


def test_every_answer_carries_the_limit_header(org):
    answers = [
        org.http.get(f"{DATA}/limits"),
        query(org, "SELECT nonsense"),
        org.http.get(f"{DATA}/nowhere"),
        org.http.post(TOKEN, data={}),
    ]
    assert all(r.headers["Sforce-Limit-Info"].startswith("api-usage=") for r in answers)


def test_an_exhausted_day_is_403_request_limit_exceeded(org):
    used = org.http.get(f"{DATA}/limits").json()["DailyApiRequests"]
    org.change("crm_settings", daily_calls=used["Max"] - used["Remaining"] + 1)
    assert org.http.get(f"{DATA}/limits").json()["DailyApiRequests"]["Remaining"] == 0
    response = org.http.get(f"{DATA}/limits")
    assert error_of(response) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert "retry-after" not in response.headers
    assert sign_in(org)  # the login host is counted apart


# --- reading (A.3)


def test_a_query_gives_the_envelope_with_attributes(org):
    body = query(org, "SELECT Id, Name FROM Account WHERE AccountNumber = 'C1001'").json()
    assert body["totalSize"] == 1
    assert body["done"] is True
    account = body["records"][0]
    assert account["Name"] == "Northwind Ltd"
    assert account["attributes"] == {"type": "Account", "url": f"{DATA}/sobjects/Account/{account['Id']}"}


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ("AccountNumber != 'C1001'", {"C1002", "C1003"}),
        ("AccountNumber IN ('C1001', 'C1003')", {"C1001", "C1003"}),
        ("AccountNumber NOT IN ('C1001', 'C1003')", {"C1002"}),
        ("ParentId = NULL", {"C1001", "C1003"}),
        ("ParentId != NULL AND CurrencyIsoCode = 'EUR'", {"C1002"}),
        ("(AccountNumber = 'C1001' OR AccountNumber = 'C1002') AND CurrencyIsoCode = 'USD'", {"C1001"}),
        ("NOT AccountNumber = 'C1001'", {"C1002", "C1003"}),
        (r"Name = 'Acme \'Quote\' Co'", {"C1003"}),
        ("SystemModstamp < 2026-01-05T09:00:00Z", set()),
        ("SystemModstamp >= 2026-01-05T09:00:00.000+0000 AND IsDeleted = FALSE", {"C1001", "C1002", "C1003"}),
        ("Id = '001Xx0000000003'", {"C1003"}),
    ],
)
def test_conditions_select_what_they_say(org, where, numbers):
    found = records(org, f"SELECT AccountNumber FROM Account WHERE {where}")
    assert {row["AccountNumber"] for row in found} == numbers


def test_order_limit_and_count(org):
    rows = records(org, "SELECT UnitPrice FROM PricebookEntry ORDER BY UnitPrice DESC LIMIT 2")
    assert [row["UnitPrice"] for row in rows] == [240.0, 195.0]
    nulls_last = records(org, "SELECT Effective_To__c FROM PricebookEntry ORDER BY Effective_To__c ASC NULLS LAST")
    assert nulls_last[-1]["Effective_To__c"] is None
    counted = query(org, "SELECT COUNT() FROM PricebookEntry WHERE Effective_From__c >= 2026-10-01").json()
    assert counted == {"totalSize": 1, "done": True, "records": []}


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name ~ 'x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT many", "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-13-01T00:00:00Z", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01T00:00:00 0000", "MALFORMED_QUERY"),
        ("SELECT Colour__c FROM Account", "INVALID_FIELD"),
        ("SELECT Account.Name FROM Contract", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM PricebookEntry WHERE UnitPrice = 'dear'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name > NULL", "INVALID_FIELD"),
        ("SELECT Id FROM Invoice", "INVALID_TYPE"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_a_bad_query_is_400_with_its_code(org, soql, code):
    assert error_of(query(org, soql)) == (400, code)


def test_values_are_written_as_the_api_writes_them(org):
    row = records(
        org, "SELECT UnitPrice, IsActive, Effective_From__c, Effective_To__c, SystemModstamp FROM PricebookEntry"
    )[0]
    assert row["UnitPrice"] == 185.5
    assert row["IsActive"] is True
    assert row["Effective_From__c"] == "2026-01-01"
    assert row["SystemModstamp"] == "2026-01-05T09:00:00.000+0000"


def test_pages_follow_a_path_that_goes_stale(org):
    org.change("crm_settings", page_size=2)
    first = query(org, "SELECT Id FROM Account").json()
    assert (first["totalSize"], first["done"], len(first["records"])) == (3, False, 2)
    assert first["nextRecordsUrl"].startswith(f"{DATA}/query/")
    last = org.http.get(first["nextRecordsUrl"]).json()
    assert (last["totalSize"], last["done"], len(last["records"])) == (3, True, 1)
    assert "nextRecordsUrl" not in last
    org.change("crm_settings", locator_seconds=-1)
    stale = query(org, "SELECT Id FROM Account").json()["nextRecordsUrl"]
    assert error_of(org.http.get(stale)) == (400, "INVALID_QUERY_LOCATOR")


def test_the_documented_page_is_two_thousand_rows(org):
    for start in range(0, 2_100, 200):
        rows = [{"ERP_Key__c": f"INV-{start + n}", "Status__c": "Open"} for n in range(200)]
        assert upsert(org, *rows).status_code == 200
    first = query(org, "SELECT Id FROM Invoice_Status__c").json()
    assert len(first["records"]) == 2_000
    assert first["totalSize"] == 2_200


def test_query_hides_deleted_rows_and_query_all_shows_them(org):
    gone = records(org, "SELECT Id FROM Account WHERE AccountNumber = 'C1003'")[0]["Id"]
    org.change("crm_delete", object_name="Account", record=gone)
    assert len(records(org, "SELECT Id FROM Account")) == 2
    everything = records(org, "SELECT Id, IsDeleted FROM Account", "queryAll")
    assert [row["Id"] for row in everything if row["IsDeleted"]] == [gone]
    assert error_of(org.http.get(f"{DATA}/sobjects/Account/{gone}")) == (404, "NOT_FOUND")
    org.change("crm_purge", object_name="Account", record=gone)
    assert len(records(org, "SELECT Id FROM Account", "queryAll")) == 2


def test_a_merge_deletes_the_loser_names_its_master_and_moves_the_contracts(org):
    before = records(org, "SELECT SystemModstamp FROM Account WHERE AccountNumber = 'C1001'")[0]
    org.change("crm_merge_accounts", winner="C1001", loser="C1003")
    winner = records(org, "SELECT Id, SystemModstamp FROM Account WHERE AccountNumber = 'C1001'")[0]
    loser = records(org, "SELECT IsDeleted, MasterRecordId FROM Account WHERE AccountNumber = 'C1003'", "queryAll")[0]
    assert loser["IsDeleted"] is True
    assert loser["MasterRecordId"] == winner["Id"]
    assert winner["SystemModstamp"] > before["SystemModstamp"]
    contracts = records(org, "SELECT AccountId FROM Contract")
    assert {row["AccountId"] for row in contracts} == {winner["Id"]}


def test_what_was_done_in_the_org_alone_survives_a_change_of_the_firm(org):
    org.change("crm_merge_accounts", winner="C1001", loser="C1003")
    org.change("crm_rename_account", number="C1003", name="Late rename")
    loser = records(org, "SELECT Name, IsDeleted FROM Account WHERE AccountNumber = 'C1003'", "queryAll")[0]
    assert (loser["Name"], loser["IsDeleted"]) == ("Late rename", True)


def test_a_renamed_account_moves_its_stamp(org):
    org.change("crm_rename_account", number="C1001", name="Northwind Group")
    row = records(org, "SELECT Name, SystemModstamp FROM Account WHERE SystemModstamp > 2026-11-01T00:00:00Z")
    assert [r["Name"] for r in row] == ["Northwind Group"]


def test_an_added_rate_is_a_price_book_entry(org):
    old = records(org, "SELECT Id FROM PricebookEntry WHERE Effective_To__c = NULL")[0]["Id"]
    org.change("crm_add_rate", like=old, unit_price="210.25", effective_from="2027-01-01", project="P1001")
    row = records(org, "SELECT UnitPrice, Project__c, Role__c FROM PricebookEntry WHERE UnitPrice = 210.25")[0]
    assert (row["Project__c"], row["Role__c"]) == ("P1001", "Consultant")


def test_a_row_can_commit_behind_the_reader_s_cursor(org):
    account = records(org, "SELECT Id FROM Account WHERE AccountNumber = 'C1002'")[0]["Id"]
    org.change(
        "crm_commit_late", object_name="Account", record=account, values={"Name": "Late"}, stamp="2026-11-16T11:55:00Z"
    )
    row = records(org, "SELECT Name, SystemModstamp FROM Account WHERE AccountNumber = 'C1002'")[0]
    assert (row["Name"], row["SystemModstamp"]) == ("Late", "2026-11-16T11:55:00.000+0000")


def test_updated_and_deleted_list_ids_of_a_window(org):
    account = records(org, "SELECT Id FROM Account WHERE AccountNumber = 'C1001'")[0]["Id"]
    org.change("crm_rename_account", number="C1001", name="Changed")
    gone = records(org, "SELECT Id FROM Account WHERE AccountNumber = 'C1003'")[0]["Id"]
    org.change("crm_delete", object_name="Account", record=gone)
    window = {"start": "2026-11-16T00:00:00+00:00", "end": "2026-11-17T00:00:00+00:00"}
    updated = org.http.get(f"{DATA}/sobjects/Account/updated", params=window).json()
    assert updated["ids"] == [account]
    deleted = org.http.get(f"{DATA}/sobjects/Account/deleted/", params=window).json()
    assert [row["id"] for row in deleted["deletedRecords"]] == [gone]
    assert {"earliestDateAvailable", "latestDateCovered"} <= set(deleted)
    for bad in ({}, {"start": "yesterday", "end": "today"}, {"start": window["end"], "end": window["start"]}):
        assert org.http.get(f"{DATA}/sobjects/Account/updated", params=bad).status_code == 400


def test_describe_names_types_and_external_ids(org):
    fields = {f["name"]: f for f in org.http.get(f"{DATA}/sobjects/Invoice_Status__c/describe").json()["fields"]}
    assert fields["ERP_Key__c"]["externalId"] is True
    assert fields["Amount__c"]["type"] == "currency"
    names = {o["name"] for o in org.http.get(f"{DATA}/sobjects/").json()["sobjects"]}
    assert {"Account", "Contract", "PricebookEntry"} <= names


def test_unknown_things_are_404(org):
    paths = (
        "sobjects/Nothing/describe",
        "sobjects/Account/001000000000000AAA",
        "sobjects/Invoice_Status__c/ERP_Key__c/x",
    )
    assert [error_of(org.http.get(f"{DATA}/{path}")) for path in paths] == [(404, "NOT_FOUND")] * 3
    assert error_of(org.http.get("/services/data/v99.0/limits")) == (404, "NOT_FOUND")


def test_one_record_comes_by_short_or_long_id_with_chosen_fields(org):
    row = org.http.get(f"{DATA}/sobjects/Account/001Xx0000000001", params={"fields": "Name,AccountNumber"}).json()
    assert (row["Name"], row["AccountNumber"]) == ("Northwind Ltd", "C1001")
    assert "ParentId" not in row
    bad = org.http.get(f"{DATA}/sobjects/Account/001Xx0000000001", params={"fields": "Colour"})
    assert error_of(bad) == (400, "INVALID_FIELD")


# --- writing (A.5, A.6)


def test_collections_upsert_answers_200_with_mixed_items_in_order(org):
    response = upsert(
        org,
        {"ERP_Key__c": "INV-1", "Status__c": "Open", "Amount__c": 120.5},
        {"ERP_Key__c": "INV-2", "Nonsense__c": "x"},
        {"ERP_Key__c": "INV-3", "Amount__c": "many"},
        {"Status__c": "Open"},
        {"ERP_Key__c": "INV-5", "Account__c": "001000000000000AAA"},
        {"ERP_Key__c": "INV-6", "Account__c": "short"},
        {"ERP_Key__c": "INV-7", "Name": "mine"},
    )
    assert response.status_code == 200
    first, *refused = response.json()
    assert (first["success"], first["created"], first["errors"]) == (True, True, [])
    assert [item["success"] for item in refused] == [False] * 6
    assert [item["errors"][0]["statusCode"] for item in refused] == [
        "INVALID_FIELD",
        "JSON_PARSER_ERROR",
        "MISSING_ARGUMENT",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
    ]
    assert [row["ERP_Key__c"] for row in records(org, "SELECT ERP_Key__c FROM Invoice_Status__c")] == ["INV-1"]


def test_a_replayed_upsert_creates_nothing(org):
    row = {"ERP_Key__c": "INV-1", "Status__c": "Open"}
    first, second = upsert(org, row).json()[0], upsert(org, row).json()[0]
    assert (first["created"], second["created"]) == (True, False)
    assert first["id"] == second["id"]


def test_all_or_none_rolls_everything_back(org):
    upsert(org, {"ERP_Key__c": "INV-1", "Status__c": "Open"})
    items = upsert(
        org, {"ERP_Key__c": "INV-1", "Status__c": "Paid"}, {"ERP_Key__c": "INV-2", "Nonsense__c": 1}, all_or_none=True
    ).json()
    assert [item["success"] for item in items] == [False, False]
    assert items[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert records(org, "SELECT Status__c FROM Invoice_Status__c")[0]["Status__c"] == "Open"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (INVOICES, {"records": "all of them"}),
        (INVOICES, {"records": [], "surprise": 1}),
        (INVOICES, {"records": [{"ERP_Key__c": "INV-1"}]}),
        (INVOICES, {"records": [{"attributes": {"type": "Account"}, "ERP_Key__c": "INV-1"}]}),
        (
            INVOICES,
            {"records": [{"attributes": {"type": "Invoice_Status__c"}, "ERP_Key__c": f"I{n}"} for n in range(201)]},
        ),
        (INVOICES.replace("ERP_Key__c", "Status__c"), {"records": []}),
    ],
)
def test_a_malformed_collections_call_is_400_whole(org, path, body):
    assert org.http.patch(path, json=body).status_code == 400
    assert records(org, "SELECT Id FROM Invoice_Status__c") == []


def test_single_upsert_is_201_then_200(org):
    path = f"{DATA}/sobjects/Invoice_Status__c/ERP_Key__c/INV-9"
    created = org.http.patch(path, json={"Status__c": "Open"})
    assert (created.status_code, created.json()["created"]) == (201, True)
    updated = org.http.patch(path, json={"Status__c": "Paid"})
    assert (updated.status_code, updated.json()["created"]) == (200, False)
    assert org.http.get(path).json()["Status__c"] == "Paid"


def test_an_ambiguous_external_id_is_300_with_urls(org):
    upsert(org, {"ERP_Key__c": "INV-1", "Batch_Key__c": "B"}, {"ERP_Key__c": "INV-2", "Batch_Key__c": "B"})
    path = f"{DATA}/sobjects/Invoice_Status__c/Batch_Key__c/B"
    for response in (org.http.patch(path, json={"Status__c": "Paid"}), org.http.get(path)):
        assert response.status_code == 300
        assert len(response.json()) == 2
        assert all(url.startswith(f"{DATA}/sobjects/Invoice_Status__c/") for url in response.json())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Status__c": "Open", "ERP_Key__c": "INV-9"}, "INVALID_FIELD"),
        ({"Colour__c": "red"}, "INVALID_FIELD"),
        ({"Paid_On__c": "yesterday"}, "JSON_PARSER_ERROR"),
        ({"CurrencyIsoCode": "XXX"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (["no object"], "JSON_PARSER_ERROR"),
    ],
)
def test_a_refused_single_upsert_is_400_with_its_code(org, body, code):
    response = org.http.patch(f"{DATA}/sobjects/Invoice_Status__c/ERP_Key__c/INV-9", json=body)
    assert error_of(response) == (400, code)


def test_a_unique_field_refuses_a_second_row_of_the_same_value(org):
    upsert(org, {"ERP_Key__c": "INV-1", "Batch_Key__c": "B1"})
    path = f"{DATA}/sobjects/Invoice_Status__c/Batch_Key__c/B2"
    assert error_of(org.http.patch(path, json={"ERP_Key__c": "INV-1"})) == (400, "DUPLICATE_VALUE")
