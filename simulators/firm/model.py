"""The firm as plain, mutable records, neutral of vendors. Vendors render them live; nothing here knows an API.

Every record carries the ids that each system gave it, made from the seed, so that all vendors agree: Kantata and
NetSuite ids are numeric strings (NetSuite's are unique within a record type), Salesforce ids have 18 characters, Gusto
ids are uuids. `None` for such an id: that system does not know the record. `modified_at` moves on each change and is
what every vendor shows as the record's last modification. Money is Decimal per hour, Kantata's rates are whole cents.

How records refer to each other across systems is docs/architecture.md section 4. A Kantata external reference of a
master record exists when `kantata_reference` is not None; its value is the `service_model_ref`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.firm.changes import Changes
from simulators.firm.store import Table, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulators.kit.clock import SimClock

TIME_AND_MATERIALS = "Time and Materials"
FIXED_FEE = "Fixed Fee"
RETAINER = "Retainer"

DRAFT, SUBMITTED, APPROVED, REJECTED, CANCELLED = "draft", "submitted", "approved", "rejected", "cancelled"


@dataclass
class LegalEntity:
    """`key` is what the rules call it (`US`); `subsidiary_name` stands in NetSuite, `hr_company_code` in Workday."""

    key: str
    name: str
    region: str
    currency: str
    time_zone: str
    hr_company_code: str
    country: str
    netsuite_subsidiary_id: str
    subsidiary_name: str
    go_live: date
    has_payroll: bool
    modified_at: datetime


@dataclass
class Role:
    """A role of the PSA, which is the work type unless a task or project title says otherwise. `on_rate_card` False:
    no standard rate."""

    kantata_role_id: str
    name: str
    item_code: str | None
    on_rate_card: bool
    level: int
    modified_at: datetime


@dataclass
class Item:
    """A service item of the ERP."""

    netsuite_item_id: str
    code: str
    name: str
    is_inactive: bool
    modified_at: datetime


@dataclass
class Consultant:
    """Employee or subcontractor. `hr_id` is how Workday writes the employee number (None: HR does not know the person);
    `kantata_reference` is the number's digits where the PSA has the external reference (service `hris`, model
    `employee`), else the e-mail must match. `worker_type` is Workday's word: `Employee` or `Contingent_Worker`."""

    number: str
    first_name: str
    last_name: str
    email: str
    entity: str
    worker_type: str
    kantata_role_id: str
    hire_date: date
    termination_date: date | None
    cost_center: str
    weekly_hours: int
    hr_id: str | None
    kantata_user_id: str
    kantata_reference: str | None
    netsuite_employee_id: str | None
    gusto_employee_uuid: str | None
    gusto_job_uuid: str | None
    modified_at: datetime

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def is_subcontractor(self) -> bool:
        return self.worker_type == "Contingent_Worker"


@dataclass
class Customer:
    """`number` is `C1001`; `parent_number` another customer's. `kantata_reference`: digits of the number (service
    `salesforce`, model `Account`)."""

    number: str
    name: str
    parent_number: str | None
    entity: str
    currency: str
    country: str
    salesforce_account_id: str
    kantata_group_id: str | None
    kantata_reference: str | None
    netsuite_customer_id: str | None
    modified_at: datetime


@dataclass
class PriceBook:
    salesforce_pricebook_id: str
    name: str
    modified_at: datetime


@dataclass
class RateEntry:
    """One price-book entry: what an hour costs this client. Strongest first: with `person_number`; with `project_code`
    and `role_name`; with `role_name` alone. Dates are inclusive; `effective_to` None is open."""

    salesforce_entry_id: str
    salesforce_product_id: str
    salesforce_pricebook_id: str
    role_name: str | None
    person_number: str | None
    project_code: str | None
    unit_price: Decimal
    currency: str
    effective_from: date
    effective_to: date | None
    is_active: bool
    modified_at: datetime


@dataclass
class RateCardRole:
    """A row of the PSA's standard rate card, with the chain above it: set -> set version (effective date) -> card
    (currency) -> card version -> role. Whole cents per hour."""

    kantata_rate_card_role_id: str
    kantata_role_id: str
    cents_per_hour: int
    currency: str
    effective_date: date
    kantata_set_id: str
    set_title: str
    kantata_set_version_id: str
    kantata_card_id: str
    kantata_card_version_id: str
    modified_at: datetime


@dataclass
class Contract:
    """`number` is Salesforce's, with leading zeros (`00002001`)."""

    number: str
    customer_number: str
    entity: str
    billing_type: str
    currency: str
    start_date: date
    end_date: date
    salesforce_contract_id: str
    salesforce_pricebook_id: str | None
    modified_at: datetime


@dataclass
class Phase:
    """A task of a project: Kantata story and NetSuite project task of the same title. `erp_status`: `Open`/`Closed`."""

    title: str
    kantata_story_id: str
    netsuite_task_id: str | None
    billable: bool
    fixed_fee: bool
    erp_status: str
    modified_at: datetime


@dataclass
class Project:
    """`title` is what the PSA shows: `P1001 <name>`. `kind`: `client`, `internal`, `leave`. `psa_status` `Active` or
    `Closed`; `is_deleted`: gone from the PSA though its time entries are still listed. `kantata_reference`: digits of
    the contract number without leading zeros (service `salesforce`, model `Contract`)."""

    code: str
    name: str
    kind: str
    entity: str
    currency: str
    customer_number: str | None
    contract_number: str | None
    requires_approval: bool
    is_archived: bool
    is_deleted: bool
    psa_status: str
    erp_status: str
    start_date: date
    due_date: date
    kantata_workspace_id: str
    kantata_reference: str | None
    kantata_rate_card_id: str | None
    netsuite_job_id: str | None
    phases: list[Phase]
    modified_at: datetime

    @property
    def title(self) -> str:
        return f"{self.code} {self.name}"


@dataclass
class AccountingPeriod:
    """`kind`: `month`, `quarter`, `year`. `name` as NetSuite writes it: `Aug 2026`."""

    netsuite_period_id: str
    name: str
    kind: str
    start: date
    end: date
    is_closed: bool
    modified_at: datetime


@dataclass
class PaySchedule:
    entity: str
    gusto_schedule_uuid: str
    version: str
    name: str
    frequency: str
    anchor_pay_date: date
    anchor_end_of_pay_period: date


@dataclass
class Payroll:
    """One regular payroll of a schedule. `status` of processing: `unprocessed`, `processing`, `processed`."""

    gusto_payroll_uuid: str
    gusto_schedule_uuid: str
    period_start: date
    period_end: date
    check_date: date
    deadline: datetime
    status: str
    processed_at: datetime | None
    modified_at: datetime


@dataclass
class WorkTypeRule:
    """A row of the firm's `work_type_map`."""

    source_system: str
    match_on: str
    match_value: str
    work_type: str
    is_leave: bool
    erp_item_code: str | None


@dataclass(slots=True)
class TimeEntry:
    """One time entry of the PSA. Table `entries`, key `entry_id` (the Kantata id, ascending with creation).

    `state`: draft, submitted, approved, rejected, cancelled; entries of projects that need no approval are `approved`
    with no submission. `submission_id`: the latest submission that named it. `deleted_at` set: gone from the PSA (hard:
    absent from lists, 404). `minutes` whole. `traits`: words of the mess it belongs to, `,`-separated, for the truth
    alone. `settled_json`: the last approved version, kept when an approved entry is edited (truth alone)."""

    entry_id: int
    user_id: int
    workspace_id: int
    story_id: int | None
    role_id: int | None
    work_date: date
    minutes: int
    billable: bool
    notes: str
    rate_cents: int | None
    currency: str
    state: str
    submission_id: int | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    traits: str
    settled_json: str | None

    @property
    def is_approved(self) -> bool:
        return self.state == APPROVED


@dataclass(slots=True)
class Submission:
    """One person's week on one project, put up for approval. Table `submissions`. Its entries are those whose
    `submission_id` names it. `status`: pending, approved, rejected, cancelled."""

    submission_id: int
    user_id: int
    workspace_id: int
    start_date: date
    end_date: date
    status: str
    title: str
    resolved_at: datetime | None
    resolver_user_id: int | None
    resolution: str
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class ErpHistoryRow:
    """A time row that the ERP held before we came: no external id. Table `erp_history`, key `netsuite_time_id`.

    `entry_id` is the PSA entry it stands for when both agree (person, project, phase, item, date, minutes), for the
    truth alone; None: the ERP's own or one that differs."""

    netsuite_time_id: int
    netsuite_employee_id: str
    netsuite_customer_id: str
    netsuite_job_id: str
    netsuite_task_id: str | None
    netsuite_item_id: str
    work_date: date
    minutes: int
    rate: Decimal | None
    is_billable: bool
    memo: str
    subsidiary_id: str
    created_at: datetime
    modified_at: datetime
    entry_id: int | None


@dataclass
class World:
    """The firm at a moment. Dicts are keyed by the first-named key of each record: consultants by `number`, projects by
    `code`, customers and contracts by number, roles by Kantata id, items by code, entities by key. After a change of a
    master record call `touch(record)`.

    Time entries, submissions and last year's ERP rows are tables (see `simulators.firm.store.Table`): select with SQL
    conditions, change a row and `save` it."""

    seed: int
    size: int
    as_of: date
    go_live: date
    clock: SimClock
    entities: dict[str, LegalEntity] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    consultants: dict[str, Consultant] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    price_books: dict[str, PriceBook] = field(default_factory=dict)
    rate_entries: dict[str, RateEntry] = field(default_factory=dict)
    rate_card: list[RateCardRole] = field(default_factory=list)
    projects: dict[str, Project] = field(default_factory=dict)
    periods: dict[str, AccountingPeriod] = field(default_factory=dict)
    pay_schedules: list[PaySchedule] = field(default_factory=list)
    payrolls: dict[str, Payroll] = field(default_factory=dict)
    work_type_map: list[WorkTypeRule] = field(default_factory=list)
    unconfirmed: frozenset[str] = frozenset()  # behaviours no vendor document confirms, switched on for this run
    locked_to: date | None = None  # the PSA's line item lock: time up to this date cannot be changed
    changes: Changes = field(default_factory=Changes)

    def __post_init__(self) -> None:
        self._by_user: dict[str, Consultant] = {}
        self._by_workspace: dict[str, Project] = {}
        connection = open_store()
        indexes = ["updated_at", "work_date", "user_id, work_date", "workspace_id", "submission_id", "state"]
        self.entries: Table[TimeEntry] = Table(connection, "entries", TimeEntry, indexes)
        self.submissions: Table[Submission] = Table(
            connection, "submissions", Submission, ["updated_at", "workspace_id", "status"]
        )
        self.erp_history: Table[ErpHistoryRow] = Table(
            connection, "erp_history", ErpHistoryRow, ["work_date", "entry_id"]
        )

    def touch(self, record: Any) -> None:
        """Stamps a changed master record with the firm's clock."""
        record.modified_at = self.clock.now().replace(microsecond=0)

    def consultant_of_user(self, user_id: int | str) -> Consultant | None:
        """By Kantata user id."""
        if len(self._by_user) != len(self.consultants):
            self._by_user = {c.kantata_user_id: c for c in self.consultants.values()}
        return self._by_user.get(str(user_id))

    def project_of_workspace(self, workspace_id: int | str) -> Project | None:
        """By Kantata workspace id; deleted ones too."""
        if len(self._by_workspace) != len(self.projects):
            self._by_workspace = {p.kantata_workspace_id: p for p in self.projects.values()}
        return self._by_workspace.get(str(workspace_id))

    def truth(self) -> Iterator[dict[str, Any]]:
        """Where each hour ought to be, and why not: one row per time entry (see `simulators.firm.truth`)."""
        from simulators.firm.truth import rows

        return rows(self)
