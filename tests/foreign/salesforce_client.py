"""simple-salesforce against the simulated org: told where on standard input, tells what it saw on standard output.

Runs in an environment of its own; imports nothing of ours. The library insists on a host under salesforce.com, so its
sign-in is carried to the simulator by a transport adapter; everything after that goes where `instance_url` points.
"""

import datetime as dt
import json
import sys

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

LOGIN_HOST = "https://hartwell.my.salesforce.com"


class ToSimulator(HTTPAdapter):
    """Carries calls for the public host to the simulator."""

    def __init__(self, base_url, ca_file):
        super().__init__()
        self._base_url = base_url
        self._ca_file = ca_file

    def send(self, request, **options):
        request.url = request.url.replace(LOGIN_HOST, self._base_url)
        return super().send(request, **{**options, "verify": self._ca_file})


def connect(told):
    session = requests.Session()
    session.trust_env = False
    session.verify = told["ca_file"]
    session.mount(LOGIN_HOST, ToSimulator(told["base_url"], told["ca_file"]))
    return Salesforce(
        consumer_key=told["secrets"]["client_id"],
        consumer_secret=told["secrets"]["client_secret"],
        domain="hartwell.my",
        version="67.0",
        session=session,
    )


def change(sf, told, verb, **arguments):
    answer = sf.session.post(told["control_url"] + "/change", json={"verb": verb, **arguments})
    answer.raise_for_status()


def raises(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as error:
        return error.content
    return None


def read(sf, told):
    change(sf, told, "crm_settings", page_size=3)
    accounts = sf.query_all("SELECT Id, Name, AccountNumber FROM Account ORDER BY AccountNumber")["records"]
    change(sf, told, "crm_delete", object_name="Account", record=accounts[-1]["Id"])
    everything = sf.query_all("SELECT Id, IsDeleted FROM Account", include_deleted=True)["records"]
    now = dt.datetime.now(dt.UTC)
    start, end = now.replace(year=2026, month=11, day=1), now.replace(year=2026, month=12, day=1)
    return {
        "accounts": [row["AccountNumber"] for row in accounts],
        "live": sf.query("SELECT COUNT() FROM Account")["totalSize"],
        "deleted": [row["Id"] for row in everything if row["IsDeleted"]],
        "deleted_listed": [row["id"] for row in sf.Account.deleted(start, end)["deletedRecords"]],
        "last": accounts[-1]["Id"],
        "updated": len(sf.Account.updated(start, end)["ids"]),
        "described": [field["name"] for field in sf.PricebookEntry.describe()["fields"]],
        "limits": sf.limits()["DailyApiRequests"],
        "usage": list(sf.api_usage["api-usage"]),
        "one": sf.Account.get(accounts[0]["Id"])["AccountNumber"],
        "bad_query": raises(SalesforceMalformedRequest, sf.query, "SELECT Colour__c FROM Account"),
        "not_found": raises(SalesforceResourceNotFound, sf.Account.get, "001000000000000AAA"),
    }


def write(sf, told):
    invoices = sf.Invoice_Status__c
    statuses = [
        invoices.upsert("ERP_Key__c/INV-1", {"Status__c": text, "Batch_Key__c": "B"}) for text in ("Open", "Paid")
    ]
    change(sf, told, "crm_end_sessions")  # the library signs in again by itself
    body = {
        "allOrNone": False,
        "records": [
            {"attributes": {"type": "Invoice_Status__c"}, "ERP_Key__c": "INV-2", "Batch_Key__c": "B"},
            {"attributes": {"type": "Invoice_Status__c"}, "ERP_Key__c": "INV-3", "Nonsense__c": "x"},
        ],
    }
    items = sf.restful("composite/sobjects/Invoice_Status__c/ERP_Key__c", method="PATCH", json=body)
    return {
        "statuses": statuses,
        "items": [item["success"] for item in items],
        "status": invoices.get_by_custom_id("ERP_Key__c", "INV-1")["Status__c"],
        "ambiguous": raises(SalesforceMoreThanOneRecord, invoices.upsert, "Batch_Key__c/B", {"Status__c": "Paid"}),
        "rows": sf.query("SELECT COUNT() FROM Invoice_Status__c")["totalSize"],
    }


def main():
    told = json.load(sys.stdin)
    sf = connect(told)
    json.dump({"read": read(sf, told), "write": write(sf, told)}, sys.stdout)


if __name__ == "__main__":
    main()
