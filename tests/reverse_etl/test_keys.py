"""Keys and fingerprints: derived, unique, the same in Python and in SQL."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reverse_etl.keys import canonical_text, correlation_id, fingerprint, record_key, request_key

CHAIN_KEYS = st.from_regex(r"\A[A-Za-z0-9_-]{1,40}\Z")
NUMBERS = st.integers(1, 10**6)
# PostgreSQL's text holds neither NUL nor lone surrogates, and neither does anything that was landed.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
FIELDS = st.dictionaries(
    TEXT,
    st.recursive(
        st.none() | st.booleans() | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=6,
)


@given(CHAIN_KEYS, NUMBERS, NUMBERS)
def test_keys_take_only_what_every_vendor_takes(chain_key, generation, revision):
    assert re.fullmatch(r"[A-Za-z0-9_-]+", request_key(chain_key, generation, revision, "create"))


@given(st.tuples(CHAIN_KEYS, NUMBERS), st.tuples(CHAIN_KEYS, NUMBERS))
def test_two_records_never_share_a_key(one, other):
    assert (record_key(*one) == record_key(*other)) == (one == other)


@given(st.tuples(CHAIN_KEYS, NUMBERS, NUMBERS), st.tuples(CHAIN_KEYS, NUMBERS, NUMBERS))
def test_two_requests_never_share_a_key_or_a_correlation_id(one, other):
    keys = [request_key(*each, "amend") for each in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)
    assert (correlation_id("erp_labor", keys[0]) == correlation_id("erp_labor", keys[1])) == (one == other)


@given(FIELDS)
def test_a_fingerprint_does_not_depend_on_the_order_of_fields(fields):
    assert fingerprint(1, fields) == fingerprint(1, dict(reversed(fields.items())))


@given(FIELDS, FIELDS)
def test_different_fields_or_versions_have_different_fingerprints(one, other):
    assert (fingerprint(1, one) == fingerprint(1, other)) == (canonical_text(one) == canonical_text(other))
    assert fingerprint(1, one) != fingerprint(2, one)


@pytest.mark.parametrize("value", [1, 1.5, object()])
def test_numbers_in_material_fields_are_refused(value):
    with pytest.raises(TypeError, match="write it as text"):
        fingerprint(1, {"minutes": value})


@pytest.mark.warehouse
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=FIELDS, chain_key=CHAIN_KEYS)
def test_sql_makes_the_same_fingerprint_and_correlation_id(desk, fields, chain_key):
    import json

    key = request_key(chain_key, 1, 1, "create")
    row = desk.connection.execute(
        "select delivery.fingerprint(3, %s::jsonb) as print, delivery.correlation('erp_labor', %s) as correlation",
        (json.dumps(fields), key),
    ).fetchone()
    assert row == {"print": fingerprint(3, fields), "correlation": correlation_id("erp_labor", key)}
