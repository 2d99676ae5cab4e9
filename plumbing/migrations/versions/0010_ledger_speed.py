"""Keeps the ledger's stages the same speed however much is settled.

A plan asks how much is in effect at a destination, to tell a mass change: by index, and no further than it needs. Settling an
hour rewrites its chain's row in place where its page has room. Dead entries of the open intents are cleared away long before
a fifth of a large table has changed, as claims would read through them.

Revision ID: 0010_ledger_speed
"""

from alembic import op

revision = "0010_ledger_speed"
down_revision = "0009_recovery"
branch_labels = None
depends_on = None

CHANGES = (
    "create index chain_by_destination on delivery.chain (sync, destination)",
    "alter table delivery.chain set (fillfactor = 85)",
    "alter table delivery.intent set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000)",
    "alter table delivery.chain set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000)",
)


def upgrade() -> None:
    """Add the index and the storage settings."""
    for change in CHANGES:
        op.execute(change)


def downgrade() -> None:
    """Take them away again; no row changes."""
    op.execute("drop index delivery.chain_by_destination")
    op.execute(
        "alter table delivery.chain reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)"
    )
    op.execute("alter table delivery.intent reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)")
