"""Writers of the payroll kind: one folder a vendor, found by looking."""
