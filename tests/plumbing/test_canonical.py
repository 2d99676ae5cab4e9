"""Canonical JSON: one value, one byte string."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from plumbing.canonical import dumps, keyed_hash, number


def test_keys_are_sorted_and_nothing_is_spaced() -> None:
    assert dumps({"b": [1, {"d": None, "c": True}], "a": "é\n"}) == b'{"a":"\xc3\xa9\\n","b":[1,{"c":true,"d":null}]}'


@pytest.mark.parametrize(
    ("value", "text"),
    [(Decimal("8.00"), "8"), (8, "8"), (Decimal("0.10"), "0.1"), (Decimal("-0.0"), "0"), (Decimal("1E+3"), "1000"),
     (Decimal("1E-7"), "0.0000001"), (Decimal(100), "100"), (-5, "-5")],
)  # fmt: skip
def test_equal_numbers_have_one_form(value: int | Decimal, text: str) -> None:
    assert number(value) == text
    assert dumps(value).decode() == text


def test_instants_are_utc_and_days_are_days() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert dumps([noon, date(2026, 3, 1)]) == b'["2026-03-01T10:00:00.000000Z","2026-03-01"]'


@pytest.mark.parametrize("value", [1.5, {"a": 0.1}, [float("nan")], {1: "a"}, {"a": object()}, {"a"}, b"x"])
def test_float_and_other_types_are_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize(
    "value",
    [Decimal("NaN"), Decimal("Infinity"), datetime(2026, 1, 1), "\ud800", Decimal("1E+9999999")],  # noqa: DTZ001
)
def test_value_without_one_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        dumps(value)


def test_hash_depends_on_key_and_value_alone() -> None:
    key = SecretStr("k" * 64)
    assert keyed_hash(key, {"a": 1, "b": Decimal("2.0")}) == keyed_hash(key, {"b": 2, "a": Decimal("1.00")})
    assert keyed_hash(key, {"a": 1}) != keyed_hash(SecretStr("x" * 64), {"a": 1})
    assert keyed_hash(b"k" * 64, 1) == keyed_hash(key, 1)
    assert len(keyed_hash(key, None)) == 64


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8"))
    | st.decimals(-(10**9), 10**9, places=6),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(values)
def test_it_is_json_that_reads_back_as_the_same_value(value: Any) -> None:
    again = json.loads(dumps(value), parse_float=Decimal)
    assert again == value
    assert dumps(again) == dumps(value)


def test_utc_is_kept() -> None:
    assert dumps(datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)) == b'"2026-03-01T12:00:00.000005Z"'


texts = st.text(st.characters(codec="utf-8"))


@given(st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts))
def test_an_object_of_plain_values_is_written_as_any_other_mapping(value: dict[str, Any]) -> None:
    assert dumps(value) == dumps(MappingProxyType(value))
