"""Whole queries: select lists, tables and joins, conditions, groups and orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from simulators.netsuite.catalog import Column
from simulators.netsuite.errors import Refusal
from simulators.netsuite.suiteql.functions import ACCOUNT_DATE_FORMAT, Expr, as_text, quote, storable
from simulators.netsuite.suiteql.reader import RESERVED, Scope, bad
from simulators.netsuite.suiteql.values import Values

if TYPE_CHECKING:
    from simulators.netsuite.catalog import Type


@dataclass(frozen=True)
class _Item:
    name: str
    sql: str
    type: Type
    is_aggregate: bool = False

    @property
    def selected(self) -> str:
        return f"{self.sql} as {quote(self.name)}"


class Parser(Values):
    """Recursive descent over one query and its sub-queries."""

    def select(self, parent: Scope | None) -> tuple[str, list[tuple[str, Type]]]:
        """One select statement; returns its SQL and result columns."""
        outer, self.scope = self.scope, Scope(parent=parent)
        self.expect("select")
        distinct = "distinct " if self.take("distinct") else ""
        items_at = self.at
        self._skip_to_from()
        self.expect("from")
        source = self._from()
        after_from, self.at = self.at, items_at
        items = self._items()
        self.expect("from")
        self.at = after_from
        where, rownum = self._where()
        sql = f"select {distinct}{', '.join(item.selected for item in items)} from {source}{where}"  # noqa: S608
        groups = [e.sql for e in self.values()] if self.take("group", "by") else []
        if groups or any(item.is_aggregate for item in items):
            self._check_groups(items, groups, rownum)
        if groups:
            sql += " group by " + ", ".join(groups)
        if self.take("having"):
            sql += " having " + self.condition()
        if self.take("order", "by"):
            if rownum is not None:
                raise bad("ROWNUM beside ORDER BY; wrap the ordered query")
            sql += " order by " + self._order(items)
            self.is_ordered = True
        if rownum is not None:
            sql += f" limit {rownum}"
        self.scope = outer
        return sql, [(item.name, item.type) for item in items]

    @staticmethod
    def _check_groups(items: list[_Item], groups: list[str], rownum: int | None) -> None:
        if rownum is not None:
            raise bad("ROWNUM beside GROUP BY; wrap the grouped query")
        for item in items:
            if not item.is_aggregate and item.sql not in groups and not item.sql.startswith(":"):
                raise bad(f"'{item.name}' is neither grouped nor summed")

    def _skip_to_from(self) -> None:
        depth = 0
        while self.kind() != "end" and (depth or self.peek() != "from"):
            depth += {"(": 1, ")": -1}.get(self.peek(), 0)
            self.at += 1

    def _from(self) -> str:
        sql = self._table()
        while True:
            if self.take("left", "outer", "join") or self.take("left", "join"):
                word = " left join "
            elif self.take("inner", "join") or self.take("join"):
                word = " join "
            elif self.take(","):
                sql += " cross join " + self._table()
                continue
            else:
                return sql
            sql += word + self._table()
            self.expect("on")
            sql += " on " + self.condition()

    def _table(self) -> str:
        if self.take("("):
            sql, columns = self.select(self.scope.parent)
            self.expect(")")
            known = {name: Column(kind, "{t}." + quote(name)) for name, kind in columns}
            return self._aliased(f"({sql})", known, f"q{self.at}")
        name = self.name()
        if name not in self.tables:
            raise bad(f"record '{name}' was not found")
        table = self.tables[name]
        return self._aliased(table.source, table.columns, name)

    def _aliased(self, sql: str, columns: dict[str, Column], default: str) -> str:
        self.take("as")
        alias = default
        if self.kind() == "quoted" or (self.kind() == "word" and self.peek() not in RESERVED):
            alias = self.name()
        if alias in self.scope.tables:
            raise bad(f"alias '{alias}' is used twice")
        self.scope.tables[alias] = {
            name: Column(
                c.type,
                c.sql.replace("{t}", quote(alias)),
                c.display.replace("{t}", quote(alias)) if c.display else None,
                c.exact_sum.replace("{t}", quote(alias)) if c.exact_sum else None,
            )
            for name, c in columns.items()
        }
        return f"{sql} as {quote(alias)}"

    def _items(self) -> list[_Item]:
        out: list[_Item] = []
        while True:
            if self.take("*"):
                for columns in self.scope.tables.values():
                    out += [_Item(n, c.sql, c.type) for n, c in columns.items()]
            elif self.peek(1) == "." and self.peek(2) == "*":
                alias = self.name()
                if alias not in self.scope.tables:
                    raise bad(f"alias '{alias}' is unknown")
                self.at += 2
                out += [_Item(n, c.sql, c.type) for n, c in self.scope.tables[alias].items()]
            else:
                out.append(self._item(len(out) + 1))
            if not self.take(","):
                return out

    def _item(self, position: int) -> _Item:
        start, aggregates = self.at, self.aggregates
        expr = self.value()
        end = self.at
        if self.take("as") or self.kind() == "quoted" or (self.kind() == "word" and self.peek() not in RESERVED):
            name = self.name()
        elif expr.column is not None and end - start <= 3:
            name = self.tokens[end - 1][1].lower()
        else:
            name = f"expr{position}"
        return _Item(name, expr.sql, expr.type, self.aggregates > aggregates)

    def _where(self) -> tuple[str, int | None]:
        """The where clause; a top-level `and rownum <= n` is taken out and returned."""
        if not self.take("where"):
            return "", None
        parts, rownum = [], None
        while True:
            if self.peek() == "rownum":
                rownum = self._rownum()
            else:
                parts.append(self._or_below_and())
            if self.take("and"):
                continue
            if self.peek() == "or":
                if rownum is not None:
                    raise bad("ROWNUM below OR")
                rest = []
                while self.take("or"):
                    rest.append(self._and())
                return f" where (({' and '.join(parts)}) or {' or '.join(rest)})", None
            break
        return (" where " + " and ".join(parts) if parts else ""), rownum

    def _rownum(self) -> int:
        self.at += 1
        strict = self.take("<")
        if not strict and not self.take("<="):
            raise bad("ROWNUM may be compared with < or <= only")
        bound = self._operand()
        if not isinstance(bound.literal, Decimal) or bound.literal != int(bound.literal):
            raise bad("ROWNUM needs a whole number")
        return int(bound.literal) - (1 if strict else 0)

    def _order(self, items: list[_Item]) -> str:
        names = {item.name for item in items}
        parts = []
        while True:
            if self.kind() == "word" and self.peek() in names and self.peek(1) in ("", ",", ")", "asc", "desc"):
                sql = quote(self.name())
            elif self.kind() == "number":
                position = int(self.peek())
                if not 1 <= position <= len(items):
                    raise bad(f"ORDER BY position {position} is not in the select list")
                self.at += 1
                sql = str(position)
            else:
                sql = self.value().sql
            direction = " desc" if self.take("desc") else ""
            if not direction:
                self.take("asc")
            # Oracle orders nulls last when ascending and first when descending; without joins these two are never null,
            # and saying nothing lets an index serve the order.
            never_null = len(self.scope.tables) == 1 and sql.strip('"').split(".")[-1] in ("id", "lastmodifieddate")
            nulls = "" if never_null else f" nulls {'first' if direction else 'last'}"
            parts.append(f"{sql}{direction}{nulls}")
            if not self.take(","):
                return ", ".join(parts)

    def condition(self) -> str:
        parts = [self._and()]
        while self.take("or"):
            parts.append(self._and())
        return "(" + " or ".join(parts) + ")"

    def _and(self) -> str:
        parts = [self._or_below_and()]
        while self.take("and"):
            parts.append(self._or_below_and())
        return "(" + " and ".join(parts) + ")"

    def _or_below_and(self) -> str:
        if self.take("not"):
            return f"not {self._or_below_and()}"
        if self.take("exists"):
            self.expect("(")
            sql, _ = self.select(self.scope)
            self.expect(")")
            return f"exists ({sql})"
        if self.peek() == "(" and (nested := self._nested()) is not None:
            return nested
        return self._comparison()

    def _nested(self) -> str | None:
        """A condition in parentheses; None (and nothing read) when the parenthesis opens a value instead."""
        before = (self.at, self.scope, dict(self.bound))
        try:
            self.at += 1
            sql = self.condition()
            self.expect(")")
        except Refusal:
            sql = ""
        if sql and self.peek() in ("", ")", "and", "or", "group", "having", "order", "join", "left", "inner", "then"):
            return sql
        self.at, self.scope, self.bound = before
        return None

    def _comparison(self) -> str:
        left = self.value()
        if self.take("is", "not", "null"):
            return f"{left.sql} is not null"
        if self.take("is", "null"):
            return f"{left.sql} is null"
        negated = "not " if self.take("not") else ""
        if self.take("between"):
            low = self._against(left, self.value())
            self.expect("and")
            high = self._against(left, self.value())
            return f"{left.sql} {negated}between {low} and {high}"
        if self.take("like"):
            return f"{as_text(left)} {negated}like {as_text(self.value())}"  # case counts: a pragma of the store
        if self.take("in"):
            return f"{left.sql} {negated}in ({self._in(left)})"
        if negated:
            raise bad(f"unexpected {self.peek()} after NOT")
        operator = self.peek()
        if operator not in ("=", "<", ">", "<=", ">=", "<>", "!="):
            raise bad(f"expected a comparison near {operator or 'the end'}")
        self.at += 1
        return f"{left.sql} {operator} {self._against(left, self.value())}"

    def _in(self, left: Expr) -> str:
        self.expect("(")
        if self.peek() == "select":
            sql, columns = self.select(self.scope)
            if len(columns) != 1:
                raise bad("a sub-query after IN has one column")
        else:
            sql = ", ".join(self._against(left, e) for e in self.values())
        self.expect(")")
        return sql

    def _against(self, left: Expr, right: Expr) -> str:
        """The right side of a comparison, converted to the left side's type as Oracle would, or refused."""
        if left.type == right.type:
            return right.sql
        if left.literal is not None and right.literal is None:
            raise bad("put the column on the left of the comparison")
        if isinstance(right.literal, str) and left.type == "number":
            try:
                return self.bind(storable(Decimal(right.literal)))
            except InvalidOperation:
                raise bad(f"invalid number '{right.literal}'") from None
        if isinstance(right.literal, str) and left.type == "date":
            try:
                value = datetime.strptime(right.literal, ACCOUNT_DATE_FORMAT)  # noqa: DTZ007 - a local date
            except ValueError:
                raise bad(f"'{right.literal}' failed with date format M/D/YYYY") from None
            return self.bind(value.strftime("%Y-%m-%d %H:%M:%S"))
        if left.type == "text" and isinstance(right.literal, Decimal):
            return self.bind(str(right.literal))
        raise bad(f"a {left.type} cannot be compared with a {right.type}")
