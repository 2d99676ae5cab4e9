"""What a source declares of each resource it reads; pure values, written in every vendor's ``decode.py``.

A declaration says what a record must look like to land, which of its fields are personal, and what the warehouse keeps
beside it. What a record means is decided in SQL, later.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kind = Literal[
    "text",  # a string
    "integer",  # a whole JSON number
    "number",  # a JSON number
    "numeric_text",  # a number written as a string, as SuiteQL and Gusto write hours and money
    "boolean",  # true or false
    "flag",  # "T" or "F"
    "date",  # "2026-09-01": a local date
    "instant",  # "2026-09-01T09:00:00Z": ISO 8601 with its offset
    "naive_instant",  # "2026-09-01 09:00:00": no zone given, read as UTC
    "reference",  # an id, written as text or as a whole number
    "object",
    "list",
    "any",
]
Presence = Literal["always", "usually", "sometimes"]


@dataclass(frozen=True, slots=True)
class Field:
    """One top-level field of a record.

    Attributes:
        presence: ``always``: a record without it is quarantined, and a page without it in any record means that the
            column is gone. ``usually``: a record may lack it, a read of many records in which none has it means that the
            column is gone. ``sometimes``: nothing follows from its absence.
        nullable: null is a value of it.
    """

    name: str
    kind: Kind
    presence: Presence = "always"
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Personal:
    """A field that holds personal data, and whose it is.

    Attributes:
        path: into the record; a list on the way means each of its elements.
        of: class of the value; tokens of one class are equal for equal values in every source.
        person: path of the id of the person it belongs to; None: the record's own key.
        kind_of_person: who that id names in this source (``user``, ``contact``, …).
    """

    path: tuple[str, ...]
    of: Literal["name", "email", "note", "undeclared"]
    person: tuple[str, ...] | None = None
    kind_of_person: str = "user"


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Records that stand together: see ``landing.neighbourhood``. Keys are SQL/JSON paths into the record."""

    kind: Literal["person_day", "invoice_of_time", "readback_of_key"]
    key_1: str
    key_2: str | None = None


@dataclass(frozen=True, slots=True)
class Duration:
    """Where a record states its working time, and how many minutes one unit of it is.

    ``within``: the list that holds it once per element, if it is not in the record itself.
    """

    field: str
    minutes_per_unit: int
    within: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One table of one source.

    Attributes:
        name: the table's name, plural.
        is_master: master data (kept in ``landing.current_record`` too), else transactions.
        key: the field that is the record's id.
        source_version: the field with the source's own stamp of a version, if it has one.
        is_about_person: a field nobody declared may be personal here, so it is kept as a token.
        work_date: the field with the local work date, for resources whose totals the source can split by month.
        is_complete: every read lists every record, so one that is missing is suspect at once.
        dropped: fields that are the transport's and not the record's.
    """

    name: str
    is_master: bool
    fields: tuple[Field, ...]
    key: str = "id"
    source_version: str | None = None
    personal: tuple[Personal, ...] = ()
    is_about_person: bool = False
    neighbourhoods: tuple[Neighbourhood, ...] = ()
    work_date: str | None = None
    duration: Duration | None = None
    is_complete: bool = False
    dropped: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        declared = {field.name for field in self.fields}
        named = {self.key, self.source_version, self.work_date} - {None}
        if missing := named - declared:
            raise ValueError(f"{self.name}: {', '.join(sorted(map(str, missing)))} is used but not declared")


ZERO = Decimal(0)
