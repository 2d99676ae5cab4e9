"""The two outer doors: is what arrived plausible, and is this batch fit to move money?

A rule is one SQL file and stands once. The worker runs it as plain SQL; the nightly run gives the very same text to
Great Expectations, whose results and Data Docs are for people. A failed row holds the row, a failed batch the batch, a
failed source that source and nothing else. Every result is kept in `checks.result`.
"""

from expectations.doors import validate_departure, validate_landing
from expectations.gx_suites import data_docs
from expectations.verdict import Verdict

__all__ = ["Verdict", "data_docs", "validate_departure", "validate_landing"]
