"""NetSuite: SuiteTalk REST (record API, SuiteQL, async jobs) for one account, as the vendor's documents describe it.

What stands on which line of the vendor's documents:

- sign-in: TBA (OAuth 1.0a, HMAC-SHA256; every `oauth_*` header parameter and the query are signed, realm is not; reused
  nonce or stale timestamp refused) and OAuth 2.0 client credentials with a signed assertion; 401 INVALID_LOGIN (A2, A8)
- record API: list (ids and links only), `q`, get by id or `eid:`, fields, expandSubResources, simpleEnumFormat (A3, A4)
- SuiteQL: `Prefer: transient`, `q` and `params`, limit <= 1000, offset a multiple of it, at most 1000 pages, 100,000 rows
  a query and no word about the rest, values as text, lower-case names, nulls left out, the account's date format (A3, A4)
- timeBill: POST 204 with Location, PUT `eid:` as upsert with Location on some creations only, PATCH and DELETE by id or
  key; duplicate on POST, key alphabet (A5); name validation that warns by default and value validation that refuses (A5)
- refusals: invalid reference, unknown id, unknown field, closed period, duplicate, sign-in, concurrency (A8)
- async by `Prefer: respond-async`, idempotency keys there and only there (A6); concurrency 15 of a Premium account (A7)
- SuiteQL columns, invoices and their `time` lines: docs/architecture.md section 9

Chosen here, since no document says: a closed project, phase or an inactive employee or item is an invalid reference;
a row on an invoice that is not voided, or posted, can be neither changed nor deleted; a rate counts only with
overrideRate; references and enums need their ids as text; a warning stands in the header `Warning`; timestamps may be
five minutes off; a missing `Prefer` is INVALID_HEADER; putting a row on an invoice does not touch its lastModifiedDate.

Off unless named by `--unconfirmed`: `netsuite_deletedrecord` (the SuiteQL table of deleted rows),
`netsuite_negative_hours` (negative durations), `netsuite_unordered_paging` (a query without ORDER BY changes its order
from page to page).

Not simulated: batches (collections in one request), creating or changing records other than timeBill, references by
external id, timesheets and approval routing, payments as records, "Record has been changed", request windows beside
concurrency, governanceLimits, permissions by role, the body hash's agreement with the body, SOAP, RESTlets.

Test aids beside the API: `GET /_control/holdings[?rows=true]`, and the `erp_` verbs of `POST /_control/change`: those of
life.py, and `erp_certificate` (kid, client_id, public_key) for the upload of a certificate.
"""

from simulators.netsuite.service import app, describe

TLS = False

__all__ = ["TLS", "app", "describe"]
