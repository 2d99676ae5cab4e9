"""The destination makes a record of every create and can't be asked."""

from reverse_etl.writer import Capabilities
from tests.reverse_etl.loopback.client import LoopbackWriter


class Writer(LoopbackWriter):
    capabilities = Capabilities(has_key=False, has_lookup=False, processing_seconds=0.2, visibility_seconds=0.1)
