"""SuiteQL, read strictly and turned into SQLite's dialect.

Promise: a query either means exactly what SuiteQL would make of it, or it is refused with INVALID_PARAMETER; nothing is
guessed. Taken: select [distinct], inner and left joins, derived tables, where, group by, having, order by, in lists and
sub-queries, exists, case, arithmetic, ROWNUM <= n, `?` parameters, and the functions named below. LIMIT is refused,
since paging is by the URL. Expressions are typed: a date may be compared with TO_DATE(...) or with a literal in the
account's own date format, and with nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.netsuite.suiteql.functions import ACCOUNT_DATE_FORMAT
from simulators.netsuite.suiteql.parser import Parser
from simulators.netsuite.suiteql.reader import tokenise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.netsuite.catalog import Table, Type

__all__ = ["ACCOUNT_DATE_FORMAT", "Query", "compile_query"]


@dataclass(frozen=True)
class Query:
    """A compiled query: SQLite text, its named parameters, and the name and type of each result column."""

    sql: str
    parameters: dict[str, Any]
    columns: list[tuple[str, Type]]
    is_ordered: bool


def compile_query(text: str, parameters: Sequence[Any], tables: dict[str, Table], now: str) -> Query:
    """Compile SuiteQL. `now` is SYSDATE as stored text. Raises Refusal(400 INVALID_PARAMETER)."""
    parser = Parser(tokenise(text), list(parameters), tables, now)
    sql, columns = parser.select(None)
    parser.finish()
    return Query(sql, parser.bound, columns, parser.is_ordered)
