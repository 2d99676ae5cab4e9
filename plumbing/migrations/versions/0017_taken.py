"""A record that its destination had taken and refused afterwards stands there: `intent.is_taken` says so.

It is what the destination may still bring into effect, so that no plan sends it a second time.
"""

from alembic import op

revision = "0017_taken"
down_revision = "0016_tryton"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        alter table delivery.intent add column is_taken boolean not null default false;
        comment on column delivery.intent.is_taken is 'With state refused: taken by its destination before it was refused, so its'
          ' record stands there.';
        update delivery.intent i set is_taken = true
        where i.state = 'refused' and i.reason is distinct from 'gone by hand there'
          and exists (select from delivery.attempt a where a.intent_id = i.intent_id and a.attempt_no = i.attempt_count
                      and a.outcome = 'accepted' and not a.is_late);
        """
    )


def downgrade() -> None:
    op.execute("alter table delivery.intent drop column is_taken")
