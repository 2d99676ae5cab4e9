"""NetSuite: approved hours as time rows (`timeBill`), one row an hour's chain.

Key: the record's external id, ours; `PUT timeBill/eid:KEY` makes it or sets it, so the same create twice is one row.
Amend `PATCH timeBill/{id}`, delete `DELETE timeBill/{id}`; both by id, never by key, so that neither makes anything.
Look-up: `GET timeBill/eid:KEY`, or by id once it is known. Quantum: one minute, rounded half up (`h:mm`).
What is billed or in a closed period the vendor refuses; a way to reverse it afterwards is unconfirmed.
Limits, sign-in and the error envelope are in `plumbing.vendors.netsuite`.
"""
