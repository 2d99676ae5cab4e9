"""Kantata OX: time entries, their approval, and the projects, people and rates they refer to."""
