"""Words of a query, one after the other, and the parameters bound so far."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulators.netsuite.errors import Refusal, invalid_parameter

if TYPE_CHECKING:
    from simulators.netsuite.catalog import Column, Table

_TOKEN = re.compile(
    r"\s+|(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<string>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<quoted>\"[^\"]+\")|(?P<op><>|!=|<=|>=|\|\||[=<>+\-*/(),.?])",
    re.DOTALL,
)
RESERVED = frozenset(
    re.findall(
        r"\w+",
        "select distinct from where group by having order asc desc and or not in is null like between case when then else"
        " end inner left outer join on as exists union limit fetch offset",
    )
)


@dataclass
class Scope:
    tables: dict[str, dict[str, Column]] = field(default_factory=dict)
    parent: Scope | None = None


def tokenise(text: str) -> list[tuple[str, str]]:
    out, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad(f"unexpected character {text[at]!r}")
        at = match.end()
        if match.lastgroup and match.lastgroup != "comment":
            out.append((match.lastgroup, match.group()))
    return out


def bad(why: str) -> Refusal:
    return invalid_parameter(f"Invalid search query. Detailed unprocessed description follows. Search error: {why}.")


class Reader:
    """Peeks at words and takes them; `finish` refuses what is left over."""

    def __init__(
        self, tokens: list[tuple[str, str]], parameters: list[Any], tables: dict[str, Table], now: str
    ) -> None:
        self.tokens = tokens
        self.at = 0
        self.given = parameters
        marks = [i for i, (kind, text) in enumerate(tokens) if kind == "op" and text == "?"]
        if len(marks) != len(parameters):
            raise bad(f"{len(parameters)} parameters were given for {len(marks)} places")
        self.ordinal = {at: n for n, at in enumerate(marks)}  # select lists are read after their from clause
        self.tables = tables
        self.now = now
        self.scope = Scope()
        self.aggregates = 0
        self.bound: dict[str, Any] = {}
        self.is_ordered = False

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        if at >= len(self.tokens):
            return ""
        kind, text = self.tokens[at]
        return text if kind in ("string", "quoted") else text.lower()

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else "end"

    def take(self, *words: str) -> bool:
        if all(self.peek(n) == word for n, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.take(*words):
            raise bad(f"expected {' '.join(words)} near {self.peek() or 'the end'}")

    def name(self) -> str:
        if self.kind() == "quoted":
            name = self.tokens[self.at][1].strip('"').lower()
        elif self.kind() == "word" and self.peek() not in RESERVED:
            name = self.peek()
        else:
            raise bad(f"expected a name near {self.peek() or 'the end'}")
        self.at += 1
        return name

    def finish(self) -> None:
        """Refuse left-over text."""
        if self.at != len(self.tokens):
            raise bad(f"unexpected {self.peek()}")

    def bind(self, value: Any) -> str:
        name = f"p{len(self.bound)}"
        self.bound[name] = value
        return ":" + name
