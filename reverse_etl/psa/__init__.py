"""Writers of the psa kind: one folder a vendor, found by looking."""
