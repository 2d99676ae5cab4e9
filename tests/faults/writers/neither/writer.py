"""The destination makes a record of every create and can't be asked."""

from reverse_etl.writer import Capabilities
from tests.faults.client import HarnessWriter


class Writer(HarnessWriter):
    capabilities = Capabilities(has_key=False, has_lookup=False)
