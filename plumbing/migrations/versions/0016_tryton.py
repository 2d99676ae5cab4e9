"""Look-up indexes of the models that match against Tryton, on expressions that they repeat letter for letter.

`rule.written_number`: of a record's code and its other numbers the one that is written as the firm writes them, else the
code. Its index is for the format that the project comes with; another one is answered without it.
"""

from alembic import op

revision = "0016_tryton"
down_revision = "0013_traffic"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        r"""
        create function rule.written_number(code text, others jsonb, format text) returns text
          language sql immutable parallel safe
          begin atomic
            select told.number
            from (
              select 0 as place, code as number
              union all
              select listed.place, listed.number
              from jsonb_array_elements_text(others) with ordinality as listed (number, place)
            ) as told
            where told.number is not null
            order by told.number ~ format desc, told.place
            limit 1;
          end;
        comment on function rule.written_number(text, jsonb, text)
          is 'Of a code and other numbers the first that is written in the format, else the first there is.';

        create index current_record_written_number on landing.current_record
          (rule.number_key(rule.written_number(record ->> 'code', record -> 'identifiers', '^E[0-9]{5}$')))
          where resource = 'employees';
        create index current_record_project_name on landing.current_record (rule.project_code(record ->> 'name'))
          where resource = 'projects';
        create index current_record_task_project on landing.current_record (landing.reference(record -> 'parent'))
          where resource = 'tasks';
        create index current_record_party_code on landing.current_record ((record ->> 'code')) where resource = 'parties';
        create index current_record_party_identifiers on landing.current_record using gin ((record -> 'identifiers'))
          where resource = 'parties';
        """
    )


def downgrade() -> None:
    op.execute(
        """
        drop index landing.current_record_written_number, landing.current_record_project_name,
          landing.current_record_task_project, landing.current_record_party_code, landing.current_record_party_identifiers;
        drop function rule.written_number(text, jsonb, text);
        """
    )
