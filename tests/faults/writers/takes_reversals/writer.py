"""The destination keeps our key unique and takes a row that takes back another, which is invoiced or in a closed month."""

from reverse_etl.writer import Capabilities
from tests.faults.client import HarnessWriter


class Writer(HarnessWriter):
    capabilities = Capabilities(has_key=True, has_lookup=True, reverse="yes")
