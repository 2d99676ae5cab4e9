"""Composes the rooms: what runs when, the command line, and the demo. Prefect appears here only, at the edges."""
