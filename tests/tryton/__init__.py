"""A real Tryton for tests: its own environment, a seeded database made once, a server in a few seconds.

Tryton is under the GPL: it is installed beside our environment, runs as a process of its own and is spoken to over
HTTP. `seed.py` is the one file here that imports it, and it runs in Tryton's environment only.
"""
