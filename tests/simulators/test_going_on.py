"""A run that is gone on with: what callers wrote is told again to a new app, which must then hold the very same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import simulators.gusto as gusto
import simulators.salesforce as salesforce
from simulators.kit import AppOptions
from simulators.kit.tape import Tape
from tests.simulators.loopback import serve
from tests.simulators.test_gusto import BEN, BENS_JOB, Account, entry, path_of
from tests.simulators.test_salesforce import INVOICES, sign_in, upsert
from tests.simulators.tiny_firm import tiny_firm

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.kit import KitApp

FIRM = {"seed": 7}


def told_again(module: Any, name: str, tape: Path) -> KitApp:
    world = tiny_firm()
    app: KitApp = module.app(world, AppOptions(origin="http://127.0.0.1:1"))
    asyncio.run(Tape(tape, FIRM).replay(world, {name: app}))
    return app


def test_time_sheets_syncs_and_tokens_are_the_same_afterwards(tmp_path):
    tape = tmp_path / "happened.jsonl"
    with serve(gusto, tiny_firm(), tmp_path) as vendor:
        account = Account(vendor)
        vendor.app.tape = Tape(tape, FIRM)
        form = {**vendor.secrets, "grant_type": "refresh_token"}
        fresh = vendor.http.post("/oauth/token", data=form).json()
        vendor.http.headers["Authorization"] = f"Bearer {fresh['access_token']}"
        first, gone = account.sheet(), account.sheet(entity_uuid=BEN, job_uuid=BENS_JOB)
        account.http.delete(path_of(gone), params={"version": gone["version"]})
        account.synced()  # looked at until done
        second = account.sheet(metadata={"dw_key": "k-2"})
        assert account.sync().status_code == 202
        vendor.http.post("/_control/clock", json={"advance_seconds": 60})
        account.read(second)  # done by the clock; nobody writes this look down
        version = account.read(first)["version"]
        account.http.put(path_of(first), json={"version": version, "entries": [entry(7)]})
        before, sheets = vendor.app.holdings({}), [account.read(s) for s in (first, second)]
    app = told_again(gusto, "gusto", tape)
    assert app.holdings({}) == before
    company = app.authenticate.__self__.company
    assert [company.sheet(s["uuid"]).body(company.uuid) for s in sheets] == sheets
    assert app.authenticate.__self__.tokens.is_good(fresh["access_token"])


def test_upserted_rows_have_the_same_ids_afterwards(tmp_path):
    tape = tmp_path / "happened.jsonl"
    with serve(salesforce, tiny_firm(), tmp_path) as vendor:
        vendor.app.tape = Tape(tape, FIRM)
        sign_in(vendor)
        upsert(vendor, {"ERP_Key__c": "INV-1", "Status__c": "Open"}, {"ERP_Key__c": "INV-2"})
        vendor.http.patch(f"{INVOICES}", json={"records": "refused"})
        vendor.change("crm_merge_accounts", winner="C1001", loser="C1003")
        before = vendor.app.holdings({})
    assert told_again(salesforce, "salesforce", tape).holdings({}) == before
