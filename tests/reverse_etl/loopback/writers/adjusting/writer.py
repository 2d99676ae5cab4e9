"""The searched destination, which takes a row with the difference in a later period, as a payroll does."""

from dataclasses import replace

from tests.reverse_etl.loopback.writers.searched.writer import Writer as Searched


class Writer(Searched):
    capabilities = replace(Searched.capabilities, adjust="yes")
