"""Writers of the erp kind: one folder a vendor, found by looking."""
