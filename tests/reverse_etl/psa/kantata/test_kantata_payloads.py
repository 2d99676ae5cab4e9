"""Literal invoice statuses in, literal external references out."""

from dataclasses import replace

import pytest

from plumbing.errors import Refused
from reverse_etl.fieldmap import FieldMap
from reverse_etl.psa.kantata import payloads
from reverse_etl.writer import Operation, Record

FIELDS = {
    "subject_id": "91",
    "invoice_ref": "5001",
    "invoice_number": "INV-1",
    "status": "successful",
    "external_status": "Paid In Full",
}
CREATE = Record(
    1, "psa_invoice_status", "kantata_us", Operation.CREATE, "kantata-91-g1", "kantata-91-g1-r1-c", "c", FIELDS
)
MAP = FieldMap("kantata_us", "invoice_status", ()).over(payloads.DEFAULT_FIELDS, payloads.COLUMNS)


def test_a_status_becomes_a_reference_under_the_connections_own_name():
    assert payloads.body(CREATE, MAP) == {
        "external_reference": {
            "subject_type": "TimeEntry",
            "subject_id": "91",
            "service_name": "hourline-kantata_us",
            "service_model": "invoice",
            "service_model_ref": "5001",
            "status": "successful",
            "external_status": "Paid In Full",
            "external_message": "Invoice INV-1",
        }
    }


@pytest.mark.parametrize("name", payloads.REQUIRED)
def test_a_status_without_what_a_reference_needs_is_refused(name):
    with pytest.raises(Refused, match=f"The invoice status has no {name}"):
        payloads.body(replace(CREATE, fields={**FIELDS, name: None}), MAP)


def test_a_status_that_the_vendor_does_not_know_is_refused():
    with pytest.raises(Refused, match="Status 'paid' is none of failed, pending, successful"):
        payloads.body(replace(CREATE, fields={**FIELDS, "status": "paid"}), MAP)


def test_our_reference_is_found_among_others():
    answer = {
        "external_references": {
            "1": {"id": "1", "service_name": "salesforce"},
            "2": {"id": "2", "service_name": "hourline-kantata_us"},
        }
    }
    assert payloads.reference_of(answer, "hourline-kantata_us")["id"] == "2"
    assert payloads.reference_of({}, "hourline-kantata_us") is None


def test_a_reference_matches_in_every_field_we_set():
    payload = payloads.body(CREATE, MAP)
    row = {**payload["external_reference"], "id": "7", "service_model_ref": 5001, "locked": False}
    assert payloads.says_the_same(payload, row)
    assert not payloads.says_the_same(payload, {**row, "external_status": "Open"})


def test_the_envelope_is_read_by_its_results():
    answer = {
        "results": [{"key": "external_references", "id": "7"}],
        "external_references": {"7": {"id": "7"}, "8": {"id": "8"}},
    }
    assert payloads.first_of(answer) == {"id": "7"}
