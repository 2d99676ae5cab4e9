"""The destination keeps our key unique: the same create twice is one record."""

from reverse_etl.writer import Capabilities
from tests.faults.client import HarnessWriter


class Writer(HarnessWriter):
    capabilities = Capabilities(has_key=True, has_lookup=True)
