"""zeep, a SOAP client that reads the WSDL itself, against the simulated tenant.

Runs in an environment of its own; imports nothing of ours. Told where on standard input, tells what it saw on standard
output.
"""

import json
import sys

import requests
from zeep import Client
from zeep.exceptions import Fault
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken


def connect(told, password):
    session = requests.Session()
    session.trust_env = False
    tenant = told["options"]["tenant"]
    return Client(
        f"{told['base_url']}/ccx/service/{tenant}/Human_Resources/v45.0?wsdl",
        wsse=UsernameToken(f"{told['secrets']['username']}@{tenant}", password),
        transport=Transport(session=session),
    )


def fault_code(call, **arguments):
    try:
        call(**arguments)
    except Fault as fault:
        return fault.code
    return None


def main():
    told = json.load(sys.stdin)
    client = connect(told, told["secrets"]["password"])
    ids, page, pages = [], 1, 1
    while page <= pages:
        answer = client.service.Get_Workers(Response_Filter={"Page": page, "Count": 5})
        pages = int(answer.Response_Results.Total_Pages)
        ids += [worker.Worker_Data.Worker_ID for worker in answer.Response_Data.Worker]
        page += 1
    nobody = {"Worker_Reference": [{"ID": [{"_value_1": "E99999", "type": "Employee_ID"}]}]}
    saw = {
        "ids": ids,
        "pages": pages,
        "unknown": fault_code(client.service.Get_Workers, Request_References=nobody),
        "wrong_password": fault_code(connect(told, "no").service.Get_Workers),
    }
    json.dump(saw, sys.stdout)


if __name__ == "__main__":
    main()
