"""NetSuite: approved hours as time rows (`timeBill`), one row an hour's chain.

Key: the record's external id, ours; `PUT timeBill/eid:KEY` makes it or sets it, so the same create twice is one row.
Amend `PATCH timeBill/{id}`, delete `DELETE timeBill/{id}`; both by id, never by key, so that neither makes anything.
Look-up: `GET timeBill/eid:KEY`, or by id once it is known. Quantum: one minute, rounded half up (`h:mm`).
What is billed or in a closed period the vendor refuses. A row of negative hours beside it would take it back, but no document
confirms that: it is proposed, and posted unasked only where the option `takes_negative_time` vouches for it. A correction of a
closed period is dated in the next open one.
Limits, sign-in and the error envelope are in `plumbing.vendors.netsuite`.
"""
