"""SuiteQL, read strictly and turned into SQLite's dialect.

Promise: a query either means exactly what SuiteQL would make of it, or it is refused with INVALID_PARAMETER; nothing is
guessed. Taken: select [distinct], inner and left joins, derived tables, where, group by, having, order by, in lists and
sub-queries, exists, case, arithmetic, ROWNUM <= n, `?` parameters, and the functions named below. LIMIT is refused,
since paging is by the URL. Expressions are typed: a date may be compared with TO_DATE(...) or with a literal in the
account's own date format, and with nothing else.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from simulators.netsuite.catalog import Column, Table, Type
from simulators.netsuite.errors import Refusal, invalid_parameter

ACCOUNT_DATE_FORMAT = "%m/%d/%Y"  # sheet A4: literals follow the account's preference; this account uses M/D/YYYY
_TOKEN = re.compile(
    r"\s+|(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<string>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<quoted>\"[^\"]+\")|(?P<op><>|!=|<=|>=|\|\||[=<>+\-*/(),.?])",
    re.DOTALL,
)
_RESERVED = frozenset(
    [
        "select",
        "distinct",
        "from",
        "where",
        "group",
        "by",
        "having",
        "order",
        "asc",
        "desc",
        "and",
        "or",
        "not",
        "in",
        "is",
        "null",
        "like",
        "between",
        "case",
        "when",
        "then",
        "else",
        "end",
        "inner",
        "left",
        "outer",
        "join",
        "on",
        "as",
        "exists",
        "union",
        "limit",
        "fetch",
        "offset",
    ]
)
_TEXT_FUNCTIONS = {"upper": "upper", "lower": "lower", "trim": "trim"}
_ORACLE_FORMAT = re.compile(r"YYYY|MM|DD|HH24|MI|SS|HH|Q|[^A-Za-z]+", re.IGNORECASE)
_POSITIONS = {"YYYY": (1, 4), "MM": (6, 2), "DD": (9, 2), "HH24": (12, 2), "MI": (15, 2), "SS": (18, 2)}
_STRFTIME = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%M", "SS": "%S"}


@dataclass(frozen=True)
class Expr:
    """A compiled expression. `literal` is set for constants, `column` for a bare column."""

    sql: str
    type: Type
    literal: Any = None
    column: Column | None = None


@dataclass(frozen=True)
class Query:
    """A compiled query: SQLite text, its named parameters, and the name and type of each result column."""

    sql: str
    parameters: dict[str, Any]
    columns: list[tuple[str, Type]]
    is_ordered: bool


@dataclass(frozen=True)
class _Item:
    name: str
    sql: str
    type: Type
    is_aggregate: bool = False

    @property
    def selected(self) -> str:
        return f"{self.sql} as {_quote(self.name)}"


@dataclass
class _Scope:
    tables: dict[str, dict[str, Column]] = field(default_factory=dict)
    parent: "_Scope | None" = None


def oracle_format(pattern: str) -> str:
    """Turn an Oracle date pattern into strftime's; refuse what it cannot take."""
    out, at = [], 0
    for match in _ORACLE_FORMAT.finditer(pattern):
        if match.start() != at:
            break
        token = match.group()
        at = match.end()
        if token[0].isalpha():
            if token.upper() not in _STRFTIME:
                break
            out.append(_STRFTIME[token.upper()])
        else:
            out.append(token.replace("%", "%%"))
    else:
        if at == len(pattern):
            return "".join(out)
    raise invalid_parameter(f"Invalid or unsupported search: date format {pattern!r}.")


def compile_query(text: str, parameters: Sequence[Any], tables: dict[str, Table], now: str) -> Query:
    """Compile SuiteQL. `now` is SYSDATE as stored text. Raises Refusal(400 INVALID_PARAMETER)."""
    parser = _Parser(_tokens(text), list(parameters), tables, now)
    sql, columns = parser.select(None)
    parser.finish()
    return Query(sql, parser.bound, columns, parser.is_ordered)


def _tokens(text: str) -> list[tuple[str, str]]:
    out, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _bad(f"unexpected character {text[at]!r}")
        at = match.end()
        if match.lastgroup and match.lastgroup != "comment":
            out.append((match.lastgroup, match.group()))
    return out


def _bad(why: str) -> Refusal:
    return invalid_parameter(f"Invalid search query. Detailed unprocessed description follows. Search error: {why}.")


class _Parser:
    """Recursive descent over one query and its sub-queries."""

    def __init__(
        self, tokens: list[tuple[str, str]], parameters: list[Any], tables: dict[str, Table], now: str
    ) -> None:
        self._tokens = tokens
        self._at = 0
        self._given = parameters
        marks = [i for i, (kind, text) in enumerate(tokens) if kind == "op" and text == "?"]
        if len(marks) != len(parameters):
            raise _bad(f"{len(parameters)} parameters were given for {len(marks)} places")
        self._ordinal = {at: n for n, at in enumerate(marks)}  # select lists are read after their from clause
        self._tables = tables
        self._now = now
        self._scope = _Scope()
        self._aggregates = 0
        self.bound: dict[str, Any] = {}
        self.is_ordered = False

    # -- tokens -------------------------------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        if at >= len(self._tokens):
            return ""
        kind, text = self._tokens[at]
        return text if kind in ("string", "quoted") else text.lower()

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else "end"

    def _take(self, *words: str) -> bool:
        if all(self._peek(n) == word for n, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def _expect(self, *words: str) -> None:
        if not self._take(*words):
            raise _bad(f"expected {' '.join(words)} near {self._peek() or 'the end'}")

    def _name(self) -> str:
        if self._kind() == "quoted":
            name = self._tokens[self._at][1].strip('"').lower()
        elif self._kind() == "word" and self._peek() not in _RESERVED:
            name = self._peek()
        else:
            raise _bad(f"expected a name near {self._peek() or 'the end'}")
        self._at += 1
        return name

    def finish(self) -> None:
        """Refuse left-over text."""
        if self._at != len(self._tokens):
            raise _bad(f"unexpected {self._peek()}")

    def _bind(self, value: Any) -> str:
        name = f"p{len(self.bound)}"
        self.bound[name] = value
        return ":" + name

    # -- select -------------------------------------------------------------------------------------------------

    def select(self, parent: _Scope | None) -> tuple[str, list[tuple[str, Type]]]:
        """One select statement; returns its SQL and result columns."""
        outer, self._scope = self._scope, _Scope(parent=parent)
        self._expect("select")
        distinct = "distinct " if self._take("distinct") else ""
        items_at = self._at
        self._skip_to_from()
        self._expect("from")
        source = self._from()
        after_from, self._at = self._at, items_at
        items = self._items()
        self._expect("from")
        self._at = after_from
        where, rownum = self._where()
        sql = f"select {distinct}{', '.join(item.selected for item in items)} from {source}{where}"  # noqa: S608
        groups = [e.sql for e in self._list()] if self._take("group", "by") else []
        if groups or any(item.is_aggregate for item in items):
            self._check_groups(items, groups, rownum)
        if groups:
            sql += " group by " + ", ".join(groups)
        if self._take("having"):
            sql += " having " + self._condition()
        if self._take("order", "by"):
            if rownum is not None:
                raise _bad("ROWNUM beside ORDER BY; wrap the ordered query")
            sql += " order by " + self._order(items)
            self.is_ordered = True
        if rownum is not None:
            sql += f" limit {rownum}"
        self._scope = outer
        return sql, [(item.name, item.type) for item in items]

    @staticmethod
    def _check_groups(items: list[_Item], groups: list[str], rownum: int | None) -> None:
        if rownum is not None:
            raise _bad("ROWNUM beside GROUP BY; wrap the grouped query")
        for item in items:
            if not item.is_aggregate and item.sql not in groups and not item.sql.startswith(":"):
                raise _bad(f"'{item.name}' is neither grouped nor summed")

    def _skip_to_from(self) -> None:
        depth = 0
        while self._kind() != "end" and (depth or self._peek() != "from"):
            depth += {"(": 1, ")": -1}.get(self._peek(), 0)
            self._at += 1

    def _from(self) -> str:
        sql = self._table()
        while True:
            if self._take("left", "outer", "join") or self._take("left", "join"):
                word = " left join "
            elif self._take("inner", "join") or self._take("join"):
                word = " join "
            elif self._take(","):
                sql += " cross join " + self._table()
                continue
            else:
                return sql
            sql += word + self._table()
            self._expect("on")
            sql += " on " + self._condition()

    def _table(self) -> str:
        if self._take("("):
            sql, columns = self.select(self._scope.parent)
            self._expect(")")
            known = {name: Column(kind, "{t}." + _quote(name)) for name, kind in columns}
            return self._aliased(f"({sql})", known, f"q{self._at}")
        name = self._name()
        if name not in self._tables:
            raise _bad(f"record '{name}' was not found")
        table = self._tables[name]
        return self._aliased(table.source, table.columns, name)

    def _aliased(self, sql: str, columns: dict[str, Column], default: str) -> str:
        self._take("as")
        alias = default
        if self._kind() == "quoted" or (self._kind() == "word" and self._peek() not in _RESERVED):
            alias = self._name()
        if alias in self._scope.tables:
            raise _bad(f"alias '{alias}' is used twice")
        self._scope.tables[alias] = {
            name: Column(
                c.type,
                c.sql.replace("{t}", _quote(alias)),
                c.display.replace("{t}", _quote(alias)) if c.display else None,
                c.exact_sum.replace("{t}", _quote(alias)) if c.exact_sum else None,
            )
            for name, c in columns.items()
        }
        return f"{sql} as {_quote(alias)}"

    def _items(self) -> list[_Item]:
        out: list[_Item] = []
        while True:
            if self._take("*"):
                for columns in self._scope.tables.values():
                    out += [_Item(n, c.sql, c.type) for n, c in columns.items()]
            elif self._peek(1) == "." and self._peek(2) == "*":
                alias = self._name()
                if alias not in self._scope.tables:
                    raise _bad(f"alias '{alias}' is unknown")
                self._at += 2
                out += [_Item(n, c.sql, c.type) for n, c in self._scope.tables[alias].items()]
            else:
                out.append(self._item(len(out) + 1))
            if not self._take(","):
                return out

    def _item(self, position: int) -> _Item:
        start, aggregates = self._at, self._aggregates
        expr = self._sum()
        end = self._at
        if self._take("as") or self._kind() == "quoted" or (self._kind() == "word" and self._peek() not in _RESERVED):
            name = self._name()
        elif expr.column is not None and end - start <= 3:
            name = self._tokens[end - 1][1].lower()
        else:
            name = f"expr{position}"
        return _Item(name, expr.sql, expr.type, self._aggregates > aggregates)

    def _where(self) -> tuple[str, int | None]:
        """The where clause; a top-level `and rownum <= n` is taken out and returned."""
        if not self._take("where"):
            return "", None
        parts, rownum = [], None
        while True:
            if self._peek() == "rownum":
                rownum = self._rownum()
            else:
                parts.append(self._or_below_and())
            if self._take("and"):
                continue
            if self._peek() == "or":
                if rownum is not None:
                    raise _bad("ROWNUM below OR")
                rest = []
                while self._take("or"):
                    rest.append(self._and())
                return f" where (({' and '.join(parts)}) or {' or '.join(rest)})", None
            break
        return (" where " + " and ".join(parts) if parts else ""), rownum

    def _rownum(self) -> int:
        self._at += 1
        strict = self._take("<")
        if not strict and not self._take("<="):
            raise _bad("ROWNUM may be compared with < or <= only")
        bound = self._operand()
        if not isinstance(bound.literal, Decimal) or bound.literal != int(bound.literal):
            raise _bad("ROWNUM needs a whole number")
        return int(bound.literal) - (1 if strict else 0)

    def _order(self, items: list[_Item]) -> str:
        names = {item.name for item in items}
        parts = []
        while True:
            if self._kind() == "word" and self._peek() in names and self._peek(1) in ("", ",", ")", "asc", "desc"):
                sql = _quote(self._name())
            elif self._kind() == "number":
                position = int(self._peek())
                if not 1 <= position <= len(items):
                    raise _bad(f"ORDER BY position {position} is not in the select list")
                self._at += 1
                sql = str(position)
            else:
                sql = self._sum().sql
            direction = " desc" if self._take("desc") else ""
            if not direction:
                self._take("asc")
            # Oracle orders nulls last when ascending and first when descending; without joins these two are never null,
            # and saying nothing lets an index serve the order.
            never_null = len(self._scope.tables) == 1 and sql.strip('"').split(".")[-1] in ("id", "lastmodifieddate")
            nulls = "" if never_null else f" nulls {'first' if direction else 'last'}"
            parts.append(f"{sql}{direction}{nulls}")
            if not self._take(","):
                return ", ".join(parts)

    # -- conditions ---------------------------------------------------------------------------------------------

    def _condition(self) -> str:
        parts = [self._and()]
        while self._take("or"):
            parts.append(self._and())
        return "(" + " or ".join(parts) + ")"

    def _and(self) -> str:
        parts = [self._or_below_and()]
        while self._take("and"):
            parts.append(self._or_below_and())
        return "(" + " and ".join(parts) + ")"

    def _or_below_and(self) -> str:
        if self._take("not"):
            return f"not {self._or_below_and()}"
        if self._take("exists"):
            self._expect("(")
            sql, _ = self.select(self._scope)
            self._expect(")")
            return f"exists ({sql})"
        if self._peek() == "(" and (nested := self._nested()) is not None:
            return nested
        return self._comparison()

    def _nested(self) -> str | None:
        """A condition in parentheses; None (and nothing read) when the parenthesis opens a value instead."""
        before = (self._at, self._scope, dict(self.bound))
        try:
            self._at += 1
            sql = self._condition()
            self._expect(")")
        except Refusal:
            sql = ""
        if sql and self._peek() in ("", ")", "and", "or", "group", "having", "order", "join", "left", "inner", "then"):
            return sql
        self._at, self._scope, self.bound = before
        return None

    def _comparison(self) -> str:
        left = self._sum()
        if self._take("is", "not", "null"):
            return f"{left.sql} is not null"
        if self._take("is", "null"):
            return f"{left.sql} is null"
        negated = "not " if self._take("not") else ""
        if self._take("between"):
            low = self._against(left, self._sum())
            self._expect("and")
            high = self._against(left, self._sum())
            return f"{left.sql} {negated}between {low} and {high}"
        if self._take("like"):
            return f"{_as_text(left)} {negated}like {_as_text(self._sum())}"  # case counts: a pragma of the store
        if self._take("in"):
            return f"{left.sql} {negated}in ({self._in(left)})"
        if negated:
            raise _bad(f"unexpected {self._peek()} after NOT")
        operator = self._peek()
        if operator not in ("=", "<", ">", "<=", ">=", "<>", "!="):
            raise _bad(f"expected a comparison near {operator or 'the end'}")
        self._at += 1
        return f"{left.sql} {operator} {self._against(left, self._sum())}"

    def _in(self, left: Expr) -> str:
        self._expect("(")
        if self._peek() == "select":
            sql, columns = self.select(self._scope)
            if len(columns) != 1:
                raise _bad("a sub-query after IN has one column")
        else:
            sql = ", ".join(self._against(left, e) for e in self._list())
        self._expect(")")
        return sql

    def _against(self, left: Expr, right: Expr) -> str:
        """The right side of a comparison, converted to the left side's type as Oracle would, or refused."""
        if left.type == right.type:
            return right.sql
        if left.literal is not None and right.literal is None:
            raise _bad("put the column on the left of the comparison")
        if isinstance(right.literal, str) and left.type == "number":
            try:
                return self._bind(_storable(Decimal(right.literal)))
            except InvalidOperation:
                raise _bad(f"invalid number '{right.literal}'") from None
        if isinstance(right.literal, str) and left.type == "date":
            try:
                value = datetime.strptime(right.literal, ACCOUNT_DATE_FORMAT)  # noqa: DTZ007 - a local date
            except ValueError:
                raise _bad(f"'{right.literal}' failed with date format M/D/YYYY") from None
            return self._bind(value.strftime("%Y-%m-%d %H:%M:%S"))
        if left.type == "text" and isinstance(right.literal, Decimal):
            return self._bind(str(right.literal))
        raise _bad(f"a {left.type} cannot be compared with a {right.type}")

    # -- values -------------------------------------------------------------------------------------------------

    def _list(self) -> list[Expr]:
        out = [self._sum()]
        while self._take(","):
            out.append(self._sum())
        return out

    def _sum(self) -> Expr:
        left = self._product()
        while self._peek() in ("+", "-", "||") and self._kind() == "op":
            operator = self._peek()
            self._at += 1
            right = self._product()
            if operator == "||":
                left = Expr(f"({_as_text(left)} || {_as_text(right)})", "text")
            elif left.type == "date" and right.type == "number":
                sign = "" if operator == "+" else "-"
                left = Expr(f"datetime({left.sql}, ({sign}{right.sql}) || ' days')", "date")
            else:
                left = self._arithmetic(left, operator, right)
        return left

    def _product(self) -> Expr:
        left = self._operand()
        while self._peek() in ("*", "/") and self._kind() == "op":
            operator = self._peek()
            self._at += 1
            left = self._arithmetic(left, operator, self._operand())
        return left

    @staticmethod
    def _arithmetic(left: Expr, operator: str, right: Expr) -> Expr:
        if left.type != "number" or right.type != "number":
            raise _bad(f"{operator} needs numbers")
        if operator == "/":
            return Expr(f"({left.sql} * 1.0 / {right.sql})", "number")
        return Expr(f"({left.sql} {operator} {right.sql})", "number")

    def _operand(self) -> Expr:
        kind, text = self._kind(), self._peek()
        if kind == "string":
            self._at += 1
            return self._constant(text[1:-1].replace("''", "'"))
        if kind == "number":
            self._at += 1
            return self._constant(Decimal(text))
        if kind == "op" and text == "?":
            self._at += 1
            return self._constant(self._given[self._ordinal[self._at - 1]])
        if self._take("-"):
            inner = self._operand()
            return Expr(f"(-{inner.sql})", inner.type)
        if self._take("("):
            if self._peek() == "select":
                sql, columns = self.select(self._scope)
                inner = Expr(sql, columns[0][1])
            else:
                inner = self._sum()
            self._expect(")")
            return Expr(f"({inner.sql})", inner.type)
        if self._take("case"):
            return self._case()
        if self._take("null"):
            return Expr("null", "text")
        if kind == "word" and (self._peek(1) == "(" or text in ("sysdate", "current_date", "builtin")):
            return self._function()
        return self._column()

    def _constant(self, value: Any) -> Expr:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise _bad(f"a parameter may be text or a number, not {value!r}")
        if isinstance(value, str):
            return Expr(self._bind(value), "text", value)
        number = Decimal(str(value))
        return Expr(self._bind(_storable(number)), "number", number)

    def _case(self) -> Expr:
        sql, kind = "case", None
        while self._take("when"):
            condition = self._condition()
            self._expect("then")
            value = self._sum()
            kind = kind or value.type
            sql += f" when {condition} then {value.sql}"
        if kind is None:
            raise _bad("CASE needs WHEN")
        if self._take("else"):
            sql += f" else {self._sum().sql}"
        self._expect("end")
        return Expr(f"({sql} end)", kind)

    def _column(self) -> Expr:
        name, alias = self._name(), None
        if self._take("."):
            alias, name = name, self._name()
        scope: _Scope | None = self._scope
        while scope is not None:
            found = [columns[name] for a, columns in scope.tables.items() if name in columns and alias in (None, a)]
            if len(found) > 1:
                raise _bad(f"field '{name}' is ambiguous")
            if found:
                column = found[0]
                return Expr(column.sql, column.type, column=column)
            scope = scope.parent
        raise _bad(f"field '{name}' was not found")

    # -- functions ----------------------------------------------------------------------------------------------

    def _function(self) -> Expr:
        name = self._name()
        if name in ("sysdate", "current_date"):
            value = self._now if name == "sysdate" else self._now[:10] + " 00:00:00"
            return Expr(self._bind(value), "date")
        if name == "builtin":
            return self._display()
        self._expect("(")
        if name in ("count", "sum", "avg", "min", "max"):
            self._aggregates += 1
            return self._count() if name == "count" else self._aggregate(name)
        arguments = [] if self._peek() == ")" else self._list()
        self._expect(")")
        handler: Callable[[list[Expr]], Expr] | None = getattr(self, f"_do_{name}", None)
        if name in _TEXT_FUNCTIONS and len(arguments) == 1:
            return Expr(f"{_TEXT_FUNCTIONS[name]}({_as_text(arguments[0])})", "text")
        if handler is None:
            raise _bad(f"function {name.upper()} is unknown")
        return handler(arguments)

    def _display(self) -> Expr:
        self._expect(".")
        if self._name() != "df":
            raise _bad("of BUILTIN only DF is known")
        self._expect("(")
        inner = self._column()
        self._expect(")")
        assert inner.column is not None  # noqa: S101 - _column always sets it
        return Expr(inner.column.display or inner.sql, "text" if inner.column.display else inner.type)

    def _count(self) -> Expr:
        if self._take("*"):
            self._expect(")")
            return Expr("count(*)", "number")
        distinct = "distinct " if self._take("distinct") else ""
        inner = self._sum()
        self._expect(")")
        return Expr(f"count({distinct}{inner.sql})", "number")

    def _aggregate(self, name: str) -> Expr:
        inner = self._sum()
        self._expect(")")
        if name in ("sum", "avg") and inner.type != "number":
            raise _bad(f"{name.upper()} needs numbers")
        if name == "sum" and inner.column and inner.column.exact_sum:
            return Expr(inner.column.exact_sum, "number")
        return Expr(f"{name}({inner.sql})", inner.type)

    @staticmethod
    def _arity(name: str, arguments: list[Expr], *counts: int) -> None:
        if len(arguments) not in counts:
            raise _bad(f"{name} takes {' or '.join(map(str, counts))} arguments")

    def _do_to_date(self, arguments: list[Expr]) -> Expr:
        self._arity("TO_DATE", arguments, 1, 2)
        value = arguments[0].literal
        pattern = arguments[1].literal if len(arguments) == 2 else None
        if not isinstance(value, str) or (len(arguments) == 2 and not isinstance(pattern, str)):
            raise _bad("TO_DATE takes a text and a format")
        form = oracle_format(pattern) if isinstance(pattern, str) else ACCOUNT_DATE_FORMAT
        try:
            moment = datetime.strptime(value, form)  # noqa: DTZ007 - the account's local time
        except ValueError:
            raise _bad(f"'{value}' failed with date format {pattern or 'M/D/YYYY'}") from None
        return Expr(self._bind(moment.strftime("%Y-%m-%d %H:%M:%S")), "date")

    def _do_to_char(self, arguments: list[Expr]) -> Expr:
        self._arity("TO_CHAR", arguments, 1, 2)
        if arguments[0].type != "date":
            if len(arguments) == 2:
                raise _bad("TO_CHAR with a number format is not taken")
            return Expr(_as_text(arguments[0]), "text")
        pattern = arguments[1].literal if len(arguments) == 2 else "MM/DD/YYYY"
        if not isinstance(pattern, str):
            raise _bad("TO_CHAR takes a date and a format")
        return Expr(_formatted(arguments[0].sql, pattern), "text")

    def _do_to_number(self, arguments: list[Expr]) -> Expr:
        self._arity("TO_NUMBER", arguments, 1)
        return Expr(f"cast({arguments[0].sql} as numeric)", "number")

    def _do_nvl(self, arguments: list[Expr]) -> Expr:
        self._arity("NVL", arguments, 2)
        return self._do_coalesce(arguments)

    def _do_coalesce(self, arguments: list[Expr]) -> Expr:
        if len(arguments) < 2:
            raise _bad("COALESCE takes two or more arguments")
        return Expr(f"coalesce({', '.join(a.sql for a in arguments)})", arguments[0].type)

    def _do_round(self, arguments: list[Expr]) -> Expr:
        self._arity("ROUND", arguments, 1, 2)
        if arguments[0].type != "number":
            raise _bad("ROUND needs a number")
        return Expr(f"round({', '.join(a.sql for a in arguments)})", "number")

    def _do_abs(self, arguments: list[Expr]) -> Expr:
        self._arity("ABS", arguments, 1)
        return Expr(f"abs({arguments[0].sql})", "number")

    def _do_trunc(self, arguments: list[Expr]) -> Expr:
        self._arity("TRUNC", arguments, 1)
        if arguments[0].type == "date":
            return Expr(f"(substr({arguments[0].sql}, 1, 10) || ' 00:00:00')", "date")
        return Expr(f"cast({arguments[0].sql} as integer)", "number")

    def _do_substr(self, arguments: list[Expr]) -> Expr:
        self._arity("SUBSTR", arguments, 2, 3)
        rest = "".join(f", {a.sql}" for a in arguments[1:])
        return Expr(f"substr({_as_text(arguments[0])}{rest})", "text")

    def _do_length(self, arguments: list[Expr]) -> Expr:
        self._arity("LENGTH", arguments, 1)
        return Expr(f"length({_as_text(arguments[0])})", "number")


def _quote(name: str) -> str:
    return '"' + name.replace('"', "") + '"'


def _storable(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _as_text(expr: Expr) -> str:
    if expr.type == "date":
        return _formatted(expr.sql, "MM/DD/YYYY")
    if expr.type == "text":
        return expr.sql
    whole = f"cast({expr.sql} as integer)"
    return f"case when {expr.sql} = {whole} then cast({whole} as text) else cast({expr.sql} as text) end"


def _formatted(sql: str, pattern: str) -> str:
    """TO_CHAR of a stored date as plain SQL, since a group by month runs it on every row."""
    oracle_format(pattern)  # refuses what it cannot take
    parts = []
    for match in _ORACLE_FORMAT.finditer(pattern):
        token = match.group()
        if token[0].isalpha():
            start, length = _POSITIONS[token.upper()]
            parts.append(f"substr({sql}, {start}, {length})")
        else:
            parts.append("'" + token.replace("'", "''") + "'")
    return "(" + " || ".join(parts) + ")"
