"""The keyed destination, which also takes a row that takes back another."""

from dataclasses import replace

from tests.reverse_etl.loopback.writers.keyed.writer import Writer as Keyed


class Writer(Keyed):
    capabilities = replace(Keyed.capabilities, reverse="yes")
