"""The searched destination; whether it takes a row that takes back another, only the option `takes_back` vouches for."""

from dataclasses import replace

from tests.reverse_etl.loopback.writers.searched.writer import Writer as Searched


class Writer(Searched):
    capabilities = replace(Searched.capabilities, reverse="unconfirmed", reverse_option="takes_back")
