"""Values: columns, literals, parameters, arithmetic, CASE, functions and aggregates."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.netsuite.suiteql.functions import FUNCTIONS, Expr, as_text, storable
from simulators.netsuite.suiteql.reader import Reader, Scope, bad

if TYPE_CHECKING:
    from simulators.netsuite.catalog import Type


class Values(Reader):
    """Reads values. Conditions and sub-queries inside them are read by the class that knows whole queries."""

    def condition(self) -> str:
        """A condition inside CASE."""
        raise NotImplementedError

    def select(self, parent: Scope | None) -> tuple[str, list[tuple[str, Type]]]:
        """A sub-query."""
        raise NotImplementedError

    def values(self) -> list[Expr]:
        out = [self.value()]
        while self.take(","):
            out.append(self.value())
        return out

    def value(self) -> Expr:
        left = self._product()
        while self.peek() in ("+", "-", "||") and self.kind() == "op":
            operator = self.peek()
            self.at += 1
            right = self._product()
            if operator == "||":
                left = Expr(f"({as_text(left)} || {as_text(right)})", "text")
            elif left.type == "date" and right.type == "number":
                sign = "" if operator == "+" else "-"
                left = Expr(f"datetime({left.sql}, ({sign}{right.sql}) || ' days')", "date")
            else:
                left = self._arithmetic(left, operator, right)
        return left

    def _product(self) -> Expr:
        left = self._operand()
        while self.peek() in ("*", "/") and self.kind() == "op":
            operator = self.peek()
            self.at += 1
            left = self._arithmetic(left, operator, self._operand())
        return left

    @staticmethod
    def _arithmetic(left: Expr, operator: str, right: Expr) -> Expr:
        if left.type != "number" or right.type != "number":
            raise bad(f"{operator} needs numbers")
        if operator == "/":
            return Expr(f"({left.sql} * 1.0 / {right.sql})", "number")
        return Expr(f"({left.sql} {operator} {right.sql})", "number")

    def _operand(self) -> Expr:
        kind, text = self.kind(), self.peek()
        if kind == "string":
            self.at += 1
            return self._constant(text[1:-1].replace("''", "'"))
        if kind == "number":
            self.at += 1
            return self._constant(Decimal(text))
        if kind == "op" and text == "?":
            self.at += 1
            return self._constant(self.given[self.ordinal[self.at - 1]])
        if self.take("-"):
            inner = self._operand()
            return Expr(f"(-{inner.sql})", inner.type)
        if self.take("("):
            if self.peek() == "select":
                sql, columns = self.select(self.scope)
                inner = Expr(sql, columns[0][1])
            else:
                inner = self.value()
            self.expect(")")
            return Expr(f"({inner.sql})", inner.type)
        if self.take("case"):
            return self._case()
        if self.take("null"):
            return Expr("null", "text")
        if kind == "word" and (self.peek(1) == "(" or text in ("sysdate", "current_date", "builtin")):
            return self._function()
        return self.column()

    def _constant(self, value: Any) -> Expr:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise bad(f"a parameter may be text or a number, not {value!r}")
        if isinstance(value, str):
            return Expr(self.bind(value), "text", value)
        number = Decimal(str(value))
        return Expr(self.bind(storable(number)), "number", number)

    def _case(self) -> Expr:
        sql, kind = "case", None
        while self.take("when"):
            condition = self.condition()
            self.expect("then")
            value = self.value()
            kind = kind or value.type
            sql += f" when {condition} then {value.sql}"
        if kind is None:
            raise bad("CASE needs WHEN")
        if self.take("else"):
            sql += f" else {self.value().sql}"
        self.expect("end")
        return Expr(f"({sql} end)", kind)

    def column(self) -> Expr:
        name, alias = self.name(), None
        if self.take("."):
            alias, name = name, self.name()
        scope: Scope | None = self.scope
        while scope is not None:
            found = [columns[name] for a, columns in scope.tables.items() if name in columns and alias in (None, a)]
            if len(found) > 1:
                raise bad(f"field '{name}' is ambiguous")
            if found:
                column = found[0]
                return Expr(column.sql, column.type, column=column)
            scope = scope.parent
        raise bad(f"field '{name}' was not found")

    def _function(self) -> Expr:
        name = self.name()
        if name in ("sysdate", "current_date"):
            value = self.now if name == "sysdate" else self.now[:10] + " 00:00:00"
            return Expr(self.bind(value), "date")
        if name == "builtin":
            return self._display()
        self.expect("(")
        if name in ("count", "sum", "avg", "min", "max"):
            self.aggregates += 1
            return self._count() if name == "count" else self._aggregate(name)
        arguments = [] if self.peek() == ")" else self.values()
        self.expect(")")
        if name not in FUNCTIONS:
            raise bad(f"function {name.upper()} is unknown")
        return FUNCTIONS[name](arguments)

    def _display(self) -> Expr:
        self.expect(".")
        if self.name() != "df":
            raise bad("of BUILTIN only DF is known")
        self.expect("(")
        inner = self.column()
        self.expect(")")
        assert inner.column is not None  # noqa: S101 - _column always sets it
        return Expr(inner.column.display or inner.sql, "text" if inner.column.display else inner.type)

    def _count(self) -> Expr:
        if self.take("*"):
            self.expect(")")
            return Expr("count(*)", "number")
        distinct = "distinct " if self.take("distinct") else ""
        inner = self.value()
        self.expect(")")
        return Expr(f"count({distinct}{inner.sql})", "number")

    def _aggregate(self, name: str) -> Expr:
        inner = self.value()
        self.expect(")")
        if name in ("sum", "avg") and inner.type != "number":
            raise bad(f"{name.upper()} needs numbers")
        if name == "sum" and inner.column and inner.column.exact_sum:
            return Expr(inner.column.exact_sum, "number")
        return Expr(f"{name}({inner.sql})", inner.type)
