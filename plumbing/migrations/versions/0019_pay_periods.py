"""The pay period of a day is found by an index: by key it cost a read of every payroll the firm ever ran."""

from alembic import op

revision = "0019_pay_periods"
down_revision = "0018_shares"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index payrolls by the first day of their pay period, as the vendor writes it (ISO, so that text sorts as dates do)."""
    op.execute(
        "create index current_record_pay_period on landing.current_record "
        "(source_system, (record #>> '{pay_period,start_date}')) where resource = 'payrolls'"
    )


def downgrade() -> None:
    """Read them all."""
    op.execute("drop index landing.current_record_pay_period")
