"""Workday: the workers, from a report as a service."""
