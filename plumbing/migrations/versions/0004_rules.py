"""The firm's rules as tables, and the look-up indexes that the models join through.

The tables of schema `rule` hold what the CSV files say (docs/architecture.md, section 4); `dbt seed` loads them by
staged upsert, so that a reader never meets an empty rule. Keys hold '' for "any", never null, so that an upsert can
find its row. `rule.currency` is ISO 4217, not a firm's choice: it is filled here and no file replaces it.

The indexes are on expressions that the models repeat letter for letter; the push-down test fails when they part.
"""

from alembic import op

revision = "0004_rules"
down_revision = "0003_delivery"
branch_labels = None
depends_on = None

TABLES = """
create schema if not exists rule;

create table rule.legal_entity (
  legal_entity text primary key,
  name text not null,
  region text not null,
  functional_currency text not null,
  time_zone text not null,
  hr_company_code text not null unique,
  erp_subsidiary_name text not null default ''
);
create table rule.routing (
  legal_entity text not null,
  role text not null check (role in ('erp', 'payroll')),
  destination text not null,
  valid_from date not null,
  primary key (legal_entity, role, valid_from)
);
create table rule.go_live (
  legal_entity text not null,
  destination text not null,
  go_live_date date not null,
  primary key (legal_entity, destination)
);
create table rule.work_type_map (
  source_system text not null,
  match_on text not null check (match_on in ('story_title', 'workspace_title', 'role_name')),
  match_value text not null,
  work_type text not null,
  is_leave boolean not null,
  erp_item_code text not null default '',
  primary key (source_system, match_on, match_value)
);
create table rule.billing_policy (
  billing_type text primary key,
  is_due_to_erp boolean not null,
  posts_as_billable boolean not null
);
create table rule.field_map (
  destination text not null,
  entity text not null check (entity in ('labor', 'hours', 'invoice_status')),
  vendor_field text not null,
  value_kind text not null check (value_kind in ('column', 'constant')),
  value text not null default '',
  value_type text not null,
  primary key (destination, entity, vendor_field)
);
create table rule.xref_decision (
  entity text not null check (entity in ('consultant', 'customer', 'project', 'phase', 'work_type')),
  source_system text not null,
  source_id text not null,
  target_system text not null,
  target_id text not null,
  decided_by text not null,
  decided_at timestamptz not null,
  note text not null default '',
  primary key (entity, source_system, source_id, target_system)
);
create table rule.owner_team (
  reason text primary key,
  owner text not null
);
create table rule.policy (
  name text not null,
  legal_entity text not null default '',
  value numeric not null,
  primary key (name, legal_entity)
);
create table rule.currency (
  currency text primary key check (currency ~ '^[A-Z]{3}$'),
  minor_units integer not null check (minor_units between 0 and 4)
);
"""

# ISO 4217: codes in use, by the number of decimals of their minor unit.
CURRENCIES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP "
        "CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR "
        "KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN "
        "PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD "
        "TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF",
}

# number_key: what two spellings of one number have in common ('E00101', '101' and 'e-101' are one employee).
# project_code: the first word of a project's title.
FUNCTIONS = r"""
create function rule.number_key(spelling text) returns text
  language sql immutable parallel safe strict
  return nullif(ltrim(regexp_replace(spelling, '[^0-9]', '', 'g'), '0'), '');

create function rule.project_code(title text) returns text
  language sql immutable parallel safe strict
  return nullif(split_part(title, ' ', 1), '');

create function rule.person_day_id(user_id text, work_date text) returns text
  language sql immutable parallel safe strict
  return user_id || '-' || replace(work_date, '-', '') || '-primary';
"""

INDEXES = """
create index current_record_workday_number on landing.current_record (rule.number_key(record ->> 'Employee_ID'))
  where resource = 'workers';
create index current_record_workday_email on landing.current_record ((record ->> 'Work_Email')) where resource = 'workers';
create index current_record_employee_entity on landing.current_record (rule.number_key(record ->> 'entityid'))
  where resource = 'employees';
create index current_record_employee_code on landing.current_record (rule.number_key(record ->> 'employee_code'))
  where resource = 'employees';
create index current_record_employee_email on landing.current_record ((record ->> 'email')) where resource = 'employees';
create index current_record_employee_any_email on landing.current_record (coalesce(record ->> 'work_email', record ->> 'email'))
  where resource = 'employees';
create index current_record_user_email on landing.current_record ((record ->> 'email_address')) where resource = 'users';
create index current_record_reference_subject on landing.current_record
  ((record ->> 'subject_id'), (record ->> 'subject_type')) where resource = 'external_references';
create index current_record_group_workspaces on landing.current_record using gin ((record -> 'workspace_ids'))
  where resource = 'workspace_groups';
create index current_record_contract_number on landing.current_record (rule.number_key(record ->> 'ContractNumber'))
  where resource = 'contracts';
create index current_record_account_number on landing.current_record (rule.number_key(record ->> 'AccountNumber'))
  where resource = 'accounts';
create index current_record_price_role on landing.current_record ((record ->> 'Pricebook2Id'), (record ->> 'Role__c'))
  where resource = 'pricebook_entries';
create index current_record_price_person on landing.current_record
  ((record ->> 'Pricebook2Id'), rule.number_key(record ->> 'Person__c')) where resource = 'pricebook_entries';
create index current_record_rate_card on landing.current_record ((record ->> 'rate_card_id')) where resource = 'rate_card_roles';
create index current_record_rate_card_set on landing.current_record ((record ->> 'rate_card_set_id'), (record ->> 'role_id'))
  where resource = 'rate_card_roles';
create index current_record_customer_entity on landing.current_record ((record ->> 'entityid')) where resource = 'customers';
create index current_record_job_entity on landing.current_record ((record ->> 'entityid')) where resource = 'jobs';
create index current_record_task_title on landing.current_record ((record ->> 'project'), (record ->> 'title'))
  where resource = 'project_tasks';
create index current_record_item_code on landing.current_record ((record ->> 'itemid')) where resource = 'items';
create index neighbourhood_person_day_id on landing.neighbourhood (source_system, rule.person_day_id(key_1, key_2))
  where kind = 'person_day';
"""

# Rights on the other tables come from the schema's defaults (0001); this one is a standard, and nobody's to change.
GRANTS = """
revoke insert, update, delete on rule.currency from hourline_transform, hourline_operate;
"""


def upgrade() -> None:
    """Make the rule tables, fill the currencies, and index what the models look up."""
    op.execute(TABLES)
    for minor_units, codes in CURRENCIES.items():
        values = ", ".join(f"('{code}', {minor_units})" for code in codes.split())
        op.execute(f"insert into rule.currency (currency, minor_units) values {values}")
    op.execute(FUNCTIONS)
    op.execute(INDEXES)
    op.execute(GRANTS)


def downgrade() -> None:
    """Take back what `upgrade` made; the landing and delivery tables keep their rows."""
    op.execute(
        """
        do $$
        declare found text;
        begin
          for found in select indexname from pg_indexes where schemaname = 'landing'
              and (indexname like 'current_record_%' or indexname = 'neighbourhood_person_day_id')
              and indexname not like '%_pkey' loop
            execute format('drop index landing.%I', found);
          end loop;
        end $$;
        """
    )
    op.execute("drop schema rule cascade")
