"""Gusto: approved hours as one time sheet per person, job and local work date; US only.

A sheet is not pay. It is approved there, then a payroll sync carries the approved sheets of a pay period into its payroll:
only then (`synced_to_payroll_at`) is it in effect. Until then it is accepted: awaiting approval there, or the sync.
Key: none that the vendor enforces; ours is in the sheet's `metadata.dw_key`, which can't be filtered by, so a look-up lists the
person's sheets and matches locally. Amend `PUT` and delete `DELETE`, both with the version that was just read.
What a processed payroll paid isn't changed any more: more hours of such a day go as a sheet of their own with the difference, on
the first day of the next open pay period; fewer hours are payroll operations' to take back, by hand, and never ours.
Quantum: a thousandth of an hour, rounded half up. A sheet begins at a declared local hour of its work date (option
`shift_start_hour`); an hour that the clocks skip is the one after it, an hour that they repeat is its first.
"""
