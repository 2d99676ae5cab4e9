"""Statistics of what was just written are there before autovacuum comes by."""

import psycopg
import pytest

from plumbing.warehouse import Warehouse

pytestmark = pytest.mark.warehouse

ADOPTED = """
insert into landing.neighbourhood (source_system, kind, key_1, key_2, member_ids)
select 'kantata', 'person_day', g::text, '2026-10-05', array[g::text] from generate_series(1, 2000) as g
"""
KNOWN = "select reltuples::int from pg_class where oid = 'landing.neighbourhood'::regclass"


def test_a_freshly_filled_table_is_analysed_once_by_the_engines_role(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.url(), autocommit=True) as owner:
        owner.execute("alter table landing.neighbourhood set (autovacuum_enabled = false)")
        owner.execute(ADOPTED)
    with warehouse.connect("deliver", autocommit=True) as engine:
        assert engine.execute("select hourline.refresh_statistics()").fetchone() == (1,)
        assert engine.execute(KNOWN).fetchone() == (2000,)
        assert engine.execute("select hourline.refresh_statistics()").fetchone() == (0,)
