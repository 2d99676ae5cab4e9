"""The destination has no place for a key; it can be searched by our mark."""

from reverse_etl.writer import Capabilities
from tests.faults.client import HarnessWriter


class Writer(HarnessWriter):
    capabilities = Capabilities(has_key=False, has_lookup=True)
