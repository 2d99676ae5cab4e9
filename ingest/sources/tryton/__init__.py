"""Tryton 8: the ERP's people, parties, projects and tasks, its timesheet lines, invoices and what was paid of them."""
