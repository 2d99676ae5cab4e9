"""Tryton 8.0 and 8.2: approved hours as `timesheet.line`, one line an hour's chain.

Key: on 8.0 the line's ``uuid``, derived from our record key, which the database keeps unique. From 8.2 on the API refuses it
("not allowed to modify the field"), so the server's series is asked and only the look-up is left: by the marker in the
line's description, among the employee's lines. See docs/decisions/0303-tryton-key-or-look-up.md.
Many lines go in one call, which is one transaction there: a bad one stores none, and the engine splits the batch.
Amend and delete by id, under the optimistic lock: the line is read first, and a change by anybody in between is refused.
A line that isn't there any more was deleted by hand. A line on an invoice is never touched: a credit note is for a person, so
what is billed is proposed. Negative hours are refused there.
The rate sits on the task, so ``task_ref`` is the `timesheet.work` of a task with the right rate, ``work`` there.
Quantum: none, a duration is kept to the microsecond; invoicing sums a task's hours and rounds them to 0.01 h.
Limits, sign-in and refusals are in `plumbing.vendors.tryton`.
"""
