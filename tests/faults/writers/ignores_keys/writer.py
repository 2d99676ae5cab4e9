"""The destination takes our key and ignores it; it can be searched."""

from reverse_etl.writer import Capabilities
from tests.faults.client import HarnessWriter


class Writer(HarnessWriter):
    capabilities = Capabilities(has_key=False, has_lookup=True)
