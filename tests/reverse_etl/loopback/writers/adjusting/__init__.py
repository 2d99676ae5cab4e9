"""A loopback writer."""
