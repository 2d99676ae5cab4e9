"""Turns one decoded record into the row that is staged, or says why it does not fit.

The one place where a record is checked, its personal fields become tokens and its content hash is made. No I/O: what the
vault must keep is handed out with the row. Called once a record, so each resource compiles its checks once.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b, sha256
from typing import Any

import orjson

from ingest.declaration import Duration, Kind, Personal, Resource

TOKEN_PREFIX = "pii_"  # noqa: S105  the mark of a token, no secret
LONGEST_KEY = 200  # characters of a record's id
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_WIDEST_NUMBER = 1000
_SHAPES: Mapping[Kind, str] = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "numeric_text": "a number written as text",
    "boolean": "true or false",
    "flag": "T or F",
    "date": "a date",
    "instant": "an instant with its offset",
    "naive_instant": "a date and time",
    "reference": "an id",
    "object": "an object",
    "list": "a list",
    "any": "anything",
}


# Row and Secret are made once a record: frozen ones take several times as long to make.
@dataclass(slots=True)
class Secret:
    """A personal value on its way to the vault."""

    token: str
    person_ref: str
    of: str
    value: str


@dataclass(slots=True)
class Row:
    """A record that fits. ``source_version`` is None where the source has no stamp. ``record`` is JSON text."""

    source_id: str
    source_version: datetime | None
    is_deleted: bool
    content_hash: str
    record: str
    minutes: Decimal
    secrets: list[Secret]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A record that does not fit, for quarantine. ``is_retyped``: the field has another type than declared."""

    source_id: str
    reason: str
    field: str | None
    record: str
    work_date: date | None
    minutes: Decimal | None
    secrets: list[Secret]
    is_retyped: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys derived from the master key, one for each use, so that none can stand in for another."""

    content: bytes
    token: bytes
    wrap: bytes

    @classmethod
    def derive(cls, master_key: str) -> Keys:
        """From the installation's master key."""
        master = master_key.encode("utf-8")
        return cls(*(hmac.digest(master, f"hourline {use}".encode(), "sha256") for use in ("content", "token", "wrap")))


@dataclass(slots=True)
class Shaper:
    """Shapes the records of one resource of one connection."""

    resource: Resource
    connection: str
    keys: Keys
    new_fields: dict[str, str] = field(default_factory=dict)
    _declared: dict[str, _Rule] = field(init=False)

    def __post_init__(self) -> None:
        self._declared = {
            f.name: (*_CHECKS[f.kind], f.nullable, f.presence == "always", f.kind) for f in self.resource.fields
        }

    def shape(self, record: Any, *, is_deleted: bool = False) -> Row | Misfit:
        """One record as it came. Fields that nobody declared are noted in ``new_fields`` with their types."""
        if not isinstance(record, dict):
            return self._misfit({"value": record}, "the record is no object", None, [])
        resource = self.resource
        content = dict(record)
        for name in resource.dropped:
            content.pop(name, None)
        # Before anything can go wrong: what is quarantined holds tokens too.
        secrets = self._tokenise(content)
        misfit = self._check(record, content, secrets)
        if misfit is not None:
            return misfit
        source_id = content[resource.key]
        try:
            text = orjson.dumps(content, default=_number, option=orjson.OPT_SORT_KEYS)
        except TypeError as error:
            return self._misfit(
                content, f"the record holds text or a number that cannot be kept ({error})", None, secrets
            )
        if b"\\u0000" in text and _NUL.search(text):
            return self._misfit(content, "the record holds a NUL character", None, secrets)
        digest = blake2b(text, key=self.keys.content, digest_size=32).hexdigest()
        return Row(
            source_id=source_id,
            source_version=_instant(content.get(resource.source_version)) if resource.source_version else None,
            is_deleted=is_deleted,
            content_hash=tombstone_hash(digest) if is_deleted else digest,
            record=text.decode("utf-8"),
            minutes=_minutes(resource.duration, content) or Decimal(0),
            secrets=secrets,
        )

    def _check(self, record: Mapping[str, Any], content: dict[str, Any], secrets: list[Secret]) -> Misfit | None:
        for name, rule in self._declared.items():
            value = record.get(name, _MISSING)
            if type(value) is rule[0] and (rule[1] is None or rule[1](value)):
                continue
            reason = _objection(name, value, rule)
            if reason is not None:
                is_retyped = value is not None and value is not _MISSING and not same_json_type(rule[4], value)
                return self._misfit(content, reason, name, secrets, is_retyped=is_retyped)
        key = record[self.resource.key]
        if not 0 < len(key) <= LONGEST_KEY:
            return self._misfit(content, f"{self.resource.key} is no id", self.resource.key, secrets)
        if len(content) > len(self._declared) or not content.keys() <= self._declared.keys():
            for name in content.keys() - self._declared.keys():
                self.new_fields.setdefault(name, _json_type(record[name]))
        return None

    def _tokenise(self, content: dict[str, Any]) -> list[Secret]:
        secrets: list[Secret] = []
        for personal in self.resource.personal:
            person_ref = self._person_ref(content, personal)
            if len(personal.path) == 1:
                self._replace(content, personal.path[0], personal.of, person_ref, secrets)
            else:
                _copy_way(content, personal.path[:-1])
                for holder in _holders(content, personal.path[:-1]):
                    self._replace(holder, personal.path[-1], personal.of, person_ref, secrets)
        if self.resource.is_about_person and not content.keys() <= self._declared.keys():
            for name in content.keys() - self._declared.keys():
                self.new_fields.setdefault(name, _json_type(content[name]))
                self._replace(content, name, "undeclared", self._person_ref(content, None), secrets)
        return secrets

    def _person_ref(self, content: Mapping[str, Any], personal: Personal | None) -> str:
        path = (self.resource.key,) if personal is None or personal.person is None else personal.person
        kind = "user" if personal is None else personal.kind_of_person
        value: Any = content
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return f"{self.connection}:{kind}:{value if isinstance(value, str | int) else 'nobody'}"

    def _replace(self, holder: dict[str, Any], name: str, of: str, person_ref: str, secrets: list[Secret]) -> None:
        value = holder.get(name)
        if value is None or value == "":
            return
        text = (
            value if isinstance(value, str) else orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS).decode()
        )
        text = text.encode("utf-8", "replace").decode("utf-8")
        token = personal_token(self.keys, of, text)
        holder[name] = token
        secrets.append(Secret(token, person_ref, of, text))

    def _misfit(
        self, content: dict[str, Any], reason: str, name: str | None, secrets: list[Secret], *, is_retyped: bool = False
    ) -> Misfit:
        text = orjson.dumps(_keepable(content), default=_number, option=orjson.OPT_SORT_KEYS)
        key = content.get(self.resource.key)
        if isinstance(key, int) and not isinstance(key, bool):
            key = str(key)
        if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY or "\0" in key:
            key = f"?{hmac.digest(self.keys.content, text, 'sha256').hex()[:32]}"
        day = content.get(self.resource.work_date) if self.resource.work_date else None
        return Misfit(
            source_id=_keepable(key),
            reason=reason,
            field=name,
            record=text.decode("utf-8"),
            work_date=date.fromisoformat(day) if isinstance(day, str) and _is_date(day) else None,
            minutes=_minutes(self.resource.duration, content),
            secrets=secrets,
            is_retyped=is_retyped,
        )


def _objection(name: str, value: Any, rule: _Rule) -> str | None:
    """What is wrong with a value that is not plainly of its type; None if nothing is."""
    exact, fits, nullable, required, kind = rule
    if value is _MISSING:
        return f"{name} is missing" if required else None
    if value is None:
        return None if nullable else f"{name} is null"
    if exact is None and fits is not None and fits(value):
        return None
    found = "no valid one" if same_json_type(kind, value) else _json_type(value)
    return f"{name} ought to be {_SHAPES[kind]} and is {found}"


def personal_token(keys: Keys, of: str, value: str) -> str:
    """The token of a personal value: equal for equal values of one class, in every source, and told to nobody."""
    if of == "email":
        value = value.strip().casefold()
    elif of == "name":
        value = " ".join(unicodedata.normalize("NFC", value).split())
    return TOKEN_PREFIX + hmac.digest(keys.token, f"{of}\0{value}".encode("utf-8", "replace"), "sha256").hex()[:32]


def tombstone_hash(content_hash: str) -> str:
    """The content hash of a deleted record; ``landing.tombstone_hash`` is its twin."""
    return sha256(f"deleted {content_hash}".encode()).hexdigest()


def _copy_way(content: dict[str, Any], path: tuple[str, ...]) -> None:
    """Copy the objects on a path, so that the caller's record is left as it came."""
    holder: Any = content
    for name in path:
        below = holder.get(name)
        if isinstance(below, list):
            holder[name] = [dict(item) if isinstance(item, dict) else item for item in below]
            return
        if not isinstance(below, dict):
            return
        holder[name] = dict(below)
        holder = holder[name]


def _holders(content: dict[str, Any], path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if not path:
        yield content
        return
    below = content.get(path[0])
    for item in below if isinstance(below, list) else [below]:
        if isinstance(item, dict):
            yield from _holders(item, path[1:])


def _minutes(duration: Duration | None, content: Mapping[str, Any]) -> Decimal | None:
    if duration is None:
        return None
    if duration.within is None and type(value := content.get(duration.field)) is int:
        return Decimal(value * duration.minutes_per_unit)
    holders = [content] if duration.within is None else content.get(duration.within)
    if not isinstance(holders, list):
        return None
    total = Decimal(0)
    for holder in holders:
        value = holder.get(duration.field) if isinstance(holder, dict) else None
        try:
            number = Decimal(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
        except InvalidOperation:
            return None
        if number is None or not number.is_finite() or abs(number.adjusted()) > _WIDEST_NUMBER:
            return None
        total += number * duration.minutes_per_unit
    return total


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    if isinstance(value, int):  # wider than 64 bits
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _keepable(value: Any) -> Any:
    """The value with what PostgreSQL cannot keep (NUL, lone surrogates, endless numbers) shown by a replacement mark."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {_keepable(str(name)): _keepable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_keepable(item) for item in value]
    if isinstance(value, Decimal) and abs(value.adjusted()) > _WIDEST_NUMBER:
        return str(value)
    return value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, Decimal):
        return abs(value.adjusted()) <= _WIDEST_NUMBER
    return isinstance(value, int) and not isinstance(value, bool)


def _is_numeric_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    return number.is_finite() and abs(number.adjusted()) <= _WIDEST_NUMBER


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or len(value) != len("2026-09-01"):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_instant(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_naive_instant(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is None and len(value) > len("2026-09-01")
    except ValueError:
        return False


_MISSING = object()
# The exact type that a value has if it has one only, and what else must hold of it.
_Check = tuple[type | None, Callable[[Any], bool] | None]
_Rule = tuple[type | None, Callable[[Any], bool] | None, bool, bool, Kind]
_CHECKS: Mapping[Kind, _Check] = {
    "text": (str, None),
    "integer": (int, None),
    "number": (None, _is_number),
    "numeric_text": (str, _is_numeric_text),
    "boolean": (bool, None),
    "flag": (str, {"T", "F"}.__contains__),
    "date": (str, _is_date),
    "instant": (str, _is_instant),
    "naive_instant": (str, _is_naive_instant),
    "reference": (None, lambda value: isinstance(value, str) or _is_integer(value)),
    "object": (dict, None),
    "list": (list, None),
    "any": (None, lambda _value: True),
}
_JSON_TYPES: Mapping[Kind, str] = {
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "list": "list",
}


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | Decimal | float):
        return "number"
    if isinstance(value, dict):
        return "object"
    return "list" if isinstance(value, list) else "null"


def same_json_type(kind: Kind, value: Any) -> bool:
    return kind == "any" or _json_type(value) == _JSON_TYPES.get(kind, "text")
