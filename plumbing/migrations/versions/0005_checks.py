"""What the doors said of each batch."""

from alembic import op

revision = "0005_checks"
down_revision = "0004_rules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table checks.verdict (
          verdict_id bigint generated always as identity primary key,
          door text not null check (door in ('landing', 'departure')),
          subject text not null,
          engine text not null check (engine in ('sql', 'gx')),
          passed boolean not null,
          message text not null,
          checked_at timestamptz not null default clock_timestamp()
        );
        comment on table checks.verdict is 'One row a batch and door: may it pass?';
        create index on checks.verdict (door, subject, verdict_id desc);

        create table checks.result (
          verdict_id bigint not null references checks.verdict,
          rule text not null,
          level text not null,
          severity text not null,
          passed boolean not null,
          failed_rows bigint not null,
          subjects jsonb not null,
          message text not null,
          primary key (verdict_id, rule)
        );
        comment on table checks.result is 'One row a rule and verdict; subjects are the first thousand that failed.';

        """
    )


def downgrade() -> None:
    op.execute("drop table checks.result; drop table checks.verdict;")
