"""How large a change passes unasked."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.policy import Policy


@given(
    changes=st.integers(1, 10_000),
    settled=st.integers(0, 10_000_000),
    share=st.decimals("0", "1", places=3),
    minimum=st.integers(0, 100),
)
def test_counting_no_further_than_enough_gives_the_same_answer(changes, settled, share, minimum):
    policy = Policy(mass_change_share=Decimal(share), mass_change_minimum=minimum)
    enough = policy.enough_settled(changes)
    counted = settled if enough is None else min(settled, enough)
    assert policy.is_mass(changes, counted) == policy.is_mass(changes, settled)
