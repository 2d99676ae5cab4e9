"""netsuite (the published client) against the simulated account: told where on standard input, tells what it saw on
standard output.

Runs in an environment of its own; imports nothing of ours. The client builds its address from the account's id and
https; here the one method that does so is told the simulator's address instead. Signing, headers and queries are its own.
"""

import asyncio
import json
import sys

from netsuite import Config, NetSuite, TokenAuth
from netsuite.exceptions import NetsuiteAPIRequestError
from netsuite.rest_api import NetSuiteRestApi

KEY = "foreign-1"
ROW = f"/record/v1/timeBill/eid:{KEY}"


async def refused(call):
    """Status and code of a refusal, None when it went through."""
    try:
        await call
    except NetsuiteAPIRequestError as error:
        return [error.status_code, json.loads(error.response_text)["o:errorDetails"][0]["o:errorCode"]]
    return None


async def run(told):
    api = NetSuite(Config(account=told["options"]["account_id"], auth=TokenAuth(**told["secrets"]))).rest_api
    task = (
        await api.suiteql(
            "SELECT t.id, t.project FROM projecttask t JOIN job j ON j.id = t.project"
            " WHERE j.entitystatus = 'Open' AND t.status = 'Open' ORDER BY t.id",
            limit=1,
        )
    )["items"][0]
    employee = (await api.suiteql("SELECT id FROM employee ORDER BY id", limit=1))["items"][0]["id"]
    item = (await api.suiteql("SELECT id FROM item ORDER BY id", limit=1))["items"][0]["id"]
    body = {
        "employee": {"id": employee},
        "customer": {"id": task["project"]},
        "caseTaskEvent": {"id": task["id"]},
        "item": {"id": item},
        "tranDate": "2026-11-10",
        "hours": "1:45",
        "isBillable": True,
        "overrideRate": True,
        "rate": 120,
    }
    seen = {"employee": employee, "put": await api.put(ROW, json=body)}
    row = await api.get(ROW, params={"simpleEnumFormat": "true"})
    seen["row"] = [row["hours"], row["rate"], row["customer"]["id"] == task["project"]]
    await api.patch(f"/record/v1/timeBill/{row['id']}", json={"hours": "2:00"})
    seen["patched"] = (await api.get(ROW))["hours"]
    seen["listed"] = (
        await api.suiteql("SELECT id, hours FROM timebill WHERE externalid = ?", json={"params": [KEY]}, limit=10)
    )["items"]
    seen["duplicate"] = await refused(api.post("/record/v1/timeBill", json=body | {"externalId": KEY}))
    seen["unknown_field"] = await refused(api.put(ROW, json={"colour": "red"}))
    seen["pages"] = len([await api.suiteql("SELECT id FROM timebill ORDER BY id", limit=10, offset=n) for n in (0, 10)])
    seen["schema"] = "hours" in (await api.jsonschema("timeBill"))["properties"]
    seen["openapi"] = list((await api.openapi(["timeBill"]))["components"]["schemas"])
    seen["deleted"] = await api.delete(f"/record/v1/timeBill/{row['id']}")
    seen["gone"] = await refused(api.get(ROW))
    wrong = Config(account=told["options"]["account_id"], auth=TokenAuth(**(told["secrets"] | {"token_secret": "x"})))
    seen["wrong_secret"] = await refused(NetSuite(wrong).rest_api.get("/record/v1/timeBill"))
    seen["row_id"] = row["id"]
    return seen


def main():
    told = json.load(sys.stdin)
    NetSuiteRestApi._make_url = lambda _self, subpath: told["base_url"] + subpath
    json.dump(asyncio.run(run(told)), sys.stdout)


if __name__ == "__main__":
    main()
