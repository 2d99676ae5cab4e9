"""Kantata OX (formerly Mavenlink): the PSA, as the vendor's documents describe its REST API.

What stands on which line of the vendor's documents:

- bearer tokens that never expire and can be revoked; 401 `oauth` (B1.2, B1.9)
- the id-keyed envelope, ids as text, `results` in order, page and per_page (20, at most 200) or limit and offset,
  include (id fields marked so stand there only when included), optional_fields, only, order, 404 by id for what a
  default filter hides; `.json` suffix; JSON and Rails-style forms (B1.1, B1.3)
- time entry filters, `from_archived_workspaces` false by default, `approved` also where no approval is needed (B1.3)
- submissions whose filter says `new` where the body says `pending`; decisions that move the entries (B1.3 to B1.5)
- hard deletes, bulk delete of at most 100, all or none (B1.4, B1.5); POST answers 200; invoices, external payments (B1.5)
- `external_references/create_or_update`: unique per subject and service, required attributes, statuses; list filters by
  reference with whole-number references of 32 bits, at most 200 (B1.6)
- errors (B1.9); the pull feed of 9 days, unordered, repeating, 403 without the add-on (B1.10); locks (B1.11)

Chosen here, since no document says: stamp filters are exclusive; a per_page above 200 is served as 200; an unknown
parameter, include or attribute is 422; entries in an active submission, invoiced or locked can't be changed or deleted;
a reference does not touch its subject's updated_at; the wording of errors; names of the rate card chain's link fields.

Off unless named by `--unconfirmed`: `kantata_approval_bumps_entries` (a decision moves the entries' updated_at),
`kantata_rate_limit` (429 beyond 1,000 calls a minute; the vendor names no number), `kantata_unique_invoice_numbers` (422 for a
user_invoice_number that is taken).

Not simulated: the OAuth authorization pages, tokens of people without administrator's rights, bulk decisions
(`timesheet_approvals` and kin: no body is documented), account_memberships, making or resubmitting submissions, expenses,
time-outs. Projects, people, tasks and rates can't be written.

Verbs for `POST /_control/change` beside the firm's: `psa_events_addon` (enabled), `psa_backdated_edit` (entry_id, minutes,
seconds): an edit stamped earlier than the clock. `GET /_control/holdings` counts entries by month and state, and lists
the references that callers wrote.
"""

from simulators.kantata.service import app, describe

TLS = False

__all__ = ["TLS", "app", "describe"]
