"""Gusto: employees and their jobs, pay schedules, payrolls, and the time sheets that it holds."""
