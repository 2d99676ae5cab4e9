"""One record at a time: what fits, what does not, what is personal, and what its content hash says."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from ingest.declaration import Duration, Field, Personal, Resource
from ingest.shaping import Keys, Misfit, Row, Shaper, personal_token

KEYS = Keys.derive("0" * 64)
RESOURCE = Resource(
    name="sheets",
    is_master=False,
    source_version="changed_at",
    work_date="day",
    duration=Duration("hours", 60, within="entries"),
    fields=(
        Field("id", "text"),
        Field("changed_at", "instant"),
        Field("day", "date", "sometimes"),
        Field("rate", "number", "sometimes", nullable=True),
        Field("note", "text", "sometimes", nullable=True),
        Field("person", "object", "sometimes"),
        Field("entries", "list", "sometimes"),
    ),
    personal=(Personal(("note",), "note"), Personal(("person", "email"), "email", person=("person", "id"))),
    dropped=frozenset({"links"}),
)


def shape(**changes: Any) -> Row | Misfit:
    record = {"id": "1", "changed_at": "2026-09-01T10:00:00+0200"} | changes
    return Shaper(RESOURCE, "psa", KEYS).shape(record)


def fitting(**changes: Any) -> Row:
    shaped = shape(**changes)
    assert isinstance(shaped, Row), shaped
    return shaped


def test_a_fraction_is_kept_as_it_was_written() -> None:
    assert '"rate":0.10' in fitting(rate=Decimal("0.10")).record


def test_equal_content_has_one_hash_whatever_the_order_of_its_fields() -> None:
    one = Shaper(RESOURCE, "psa", KEYS).shape({"id": "1", "changed_at": "2026-09-01T10:00:00Z", "rate": 1})
    other = Shaper(RESOURCE, "psa", KEYS).shape({"rate": 1, "changed_at": "2026-09-01T10:00:00Z", "id": "1"})
    assert isinstance(one, Row)
    assert isinstance(other, Row)
    assert one.content_hash == other.content_hash


def test_the_content_hash_depends_on_the_installations_key() -> None:
    elsewhere = Shaper(RESOURCE, "psa", Keys.derive("1" * 64)).shape({"id": "1", "changed_at": "2026-09-01T10:00:00Z"})
    assert isinstance(elsewhere, Row)
    assert elsewhere.content_hash != fitting().content_hash


def test_a_deleted_record_hashes_otherwise_than_the_live_one() -> None:
    record = {"id": "1", "changed_at": "2026-09-01T10:00:00Z"}
    live, dead = (Shaper(RESOURCE, "psa", KEYS).shape(record, is_deleted=flag) for flag in (False, True))
    assert isinstance(live, Row)
    assert isinstance(dead, Row)
    assert live.content_hash != dead.content_hash


def test_the_callers_record_is_left_as_it_came() -> None:
    record = {"id": "1", "changed_at": "2026-09-01T10:00:00Z", "note": "x", "person": {"id": "9", "email": "a@b.c"}}
    before = json.dumps(record)
    Shaper(RESOURCE, "psa", KEYS).shape(record)
    assert json.dumps(record) == before


def test_a_nested_personal_field_belongs_to_the_person_it_names() -> None:
    row = fitting(person={"id": "9", "email": "Ann@Example.com "})
    [secret] = row.secrets
    assert (secret.person_ref, secret.value) == ("psa:user:9", "Ann@Example.com ")
    assert json.loads(row.record)["person"]["email"] == personal_token(KEYS, "email", "ann@example.com")


@pytest.mark.parametrize(
    ("of", "one", "other"), [("email", "A@x.de", " a@X.de"), ("name", "Jose\u0301  Díaz", "José Díaz")]
)
def test_equal_values_of_one_class_have_one_token(of: str, one: str, other: str) -> None:
    assert personal_token(KEYS, of, one) == personal_token(KEYS, of, other)


def test_the_same_text_in_two_classes_has_two_tokens() -> None:
    assert personal_token(KEYS, "name", "x") != personal_token(KEYS, "note", "x")


def test_hours_of_a_list_are_summed_to_minutes() -> None:
    assert fitting(entries=[{"hours": "7.5"}, {"hours": "0.25"}]).minutes == Decimal("465.00")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "id is no id"),
        ({"id": 7}, "id ought to be text and is number"),
        (
            {"changed_at": "2026-09-01T10:00:00"},
            "changed_at ought to be an instant with its offset and is no valid one",
        ),
        ({"changed_at": None}, "changed_at is null"),
        ({"day": "2026-02-30"}, "day ought to be a date and is no valid one"),
        ({"day": "20260201"}, "day ought to be a date and is no valid one"),
        ({"rate": True}, "rate ought to be a number and is boolean"),
        ({"rate": Decimal("1e5000")}, "rate ought to be a number and is no valid one"),
        ({"entries": {}}, "entries ought to be a list and is object"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_field(changes: dict[str, Any], reason: str) -> None:
    shaped = shape(**changes)
    assert isinstance(shaped, Misfit)
    assert shaped.reason == reason


def test_a_record_that_is_no_object_is_a_misfit() -> None:
    shaped = Shaper(RESOURCE, "psa", KEYS).shape(["1"])
    assert isinstance(shaped, Misfit)
    assert shaped.source_id.startswith("?")


def test_an_escaped_backslash_before_u0000_is_plain_text() -> None:
    assert isinstance(shape(person={"id": "9", "said": "\\u0000"}), Row)


def test_what_is_the_transports_is_dropped() -> None:
    assert "links" not in json.loads(fitting(links=[]).record)


def test_an_undeclared_field_of_a_person_is_kept_as_a_token() -> None:
    people = Resource(name="people", is_master=True, is_about_person=True, fields=(Field("id", "text"),))
    shaper = Shaper(people, "hr", KEYS)
    row = shaper.shape({"id": "1", "home_address": {"street": "Elm St"}})
    assert isinstance(row, Row)
    assert "Elm" not in row.record
    assert shaper.new_fields == {"home_address": "object"}
    assert row.secrets[0].value == '{"street":"Elm St"}'
