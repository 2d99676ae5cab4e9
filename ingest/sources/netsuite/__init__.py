"""NetSuite: the ERP's master data, its invoices with the time they bill, and the time rows that it holds."""
