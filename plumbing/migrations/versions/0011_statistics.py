"""The planner's statistics of what was just written: a first plan comes before autovacuum does.

After a first landing and an adoption PostgreSQL still takes the log and the ledger for empty, and joins them row by row:
minutes for 3,000 entries, and no end in sight for 40,000.
"""

from alembic import op

revision = "0011_statistics"
down_revision = "0010_ledger_speed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create function hourline.refresh_statistics() returns integer
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        declare
          v_table record;
          v_count integer := 0;
        begin
          for v_table in
            select n.nspname, c.relname
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind = 'r' and pg_get_userbyid(c.relowner) = current_user
              and (n.nspname in ('landing', 'delivery', 'rule') or n.nspname like 'raw\\_%')
              and pg_stat_get_mod_since_analyze(c.oid) > 200 + 0.2 * greatest(c.reltuples, 0)
            order by c.oid
          loop
            execute format('analyze %I.%I', v_table.nspname, v_table.relname);
            v_count := v_count + 1;
          end loop;
          return v_count;
        end $$
        """
    )
    op.execute(
        "comment on function hourline.refresh_statistics() is "
        "'Analyses the tables of landing, ledger and rules that changed much since they were last analysed; how many.'"
    )
    op.execute("revoke execute on function hourline.refresh_statistics() from public")
    op.execute(
        "grant execute on function hourline.refresh_statistics() to hourline_load, hourline_transform, hourline_deliver, hourline_operate"
    )


def downgrade() -> None:
    op.execute("drop function hourline.refresh_statistics()")
