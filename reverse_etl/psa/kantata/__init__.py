"""Kantata: the ERP's invoice status on each time entry, as an external reference; no invoice is made there.

Key: one reference per time entry and service name, and the service name is one per connection
(`hourline-<connection>`), so a cancelled or replaced invoice overwrites what stood there.
`POST external_references/create_or_update` is a true upsert: create and amend are the same call.
Look-up: the time entry with its external references. References are not deleted: there is no documented means.
"""
