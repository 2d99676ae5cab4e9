"""One request per record."""

from benchmarks._writers.plain import PlainWriter


class Writer(PlainWriter):
    """As it stands."""
