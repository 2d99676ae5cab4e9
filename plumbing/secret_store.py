"""The secret store: ``<home>/secrets.toml``, mode 0600, one section per connection.

A value set from outside (the environment) is kept out of the file. Vendors that rotate a token hand out a new one that
only we know, so it is written to the file at once, with the fingerprint of the value it grew from: as long as the
outside value is still that one, the rotated value stands; when somebody sets a new one outside, that one stands.
Writes are whole-file, synced and atomic, under a lock that every process honours.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
import tomllib
from typing import TYPE_CHECKING, Any

from plumbing.errors import Misconfigured
from plumbing.redaction import protect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ROTATED_FROM = "rotated_from"  # sub-table of a section: field -> fingerprint of the outside value it grew from
OWN_SECTION = "hourline"
CHANNELS_SECTION = "notify"  # channel -> addresses, which carry tokens and passwords
NAMES = frozenset({"username"})  # fields that name somebody rather than prove it
MASTER_KEY_BYTES = 32


class _Hold:
    """Who holds a file of this process: a lock for its threads, and how deep its owner is inside."""

    def __init__(self) -> None:
        self.threads = threading.RLock()
        self.depth = 0


_holds: dict[Path, _Hold] = {}
_holds_lock = threading.Lock()


class SecretStore:
    """Reads and writes one secrets file. Values are never part of its ``repr``."""

    def __init__(self, path: Path, outside: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """``outside``: section -> field -> value, from the environment."""
        self.path = path
        self._outside = outside or {}

    def __repr__(self) -> str:
        return f"SecretStore({str(self.path)!r})"

    def section(self, name: str) -> dict[str, str]:
        """The section's values as they stand now, outside values applied."""
        stored = self._read().get(name, {})
        rotated = stored.get(ROTATED_FROM, {})
        values = {field: str(value) for field, value in stored.items() if field != ROTATED_FROM}
        for field, value in self._outside.get(name, {}).items():
            grew_from_it = field in values and rotated.get(field) == _fingerprint(value)
            if not grew_from_it:
                values[field] = value
        for field, value in (*values.items(), *self._outside.get(name, {}).items()):
            _protect(field, value)
        return values

    def save(self, name: str, values: Mapping[str, str]) -> None:
        """Keep these values of a section; durable when this returns."""
        for field, value in values.items():
            _protect(field, value)
        outside = self._outside.get(name, {})
        grown = {field: _fingerprint(outside[field]) for field in values if field in outside}
        with self.locked():
            content = self._read()
            section = content.setdefault(name, {})
            section.update(values)
            if grown:
                section[ROTATED_FROM] = {**section.get(ROTATED_FROM, {}), **grown}
            self._write(content)

    def master_key(self) -> str:
        """The key of content hashes and personal tokens; made and kept at the first call."""
        if key := self.section(OWN_SECTION).get("master_key"):
            return key
        with self.locked():
            if key := self.section(OWN_SECTION).get("master_key"):
                return key
            key = secrets.token_hex(MASTER_KEY_BYTES)
            self.save(OWN_SECTION, {"master_key": key})
            return key

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one thread of one process at a time is inside; for read-change-write of a section. May be nested."""
        _make_private_folder(self.path.parent)
        with _holds_lock:
            hold = _holds.setdefault(self.path, _Hold())
        with hold.threads, contextlib.ExitStack() as opened:
            if hold.depth == 0:
                handle = opened.enter_context((self.path.parent / f".{self.path.name}.lock").open("a"))
                fcntl.flock(handle, fcntl.LOCK_EX)
            hold.depth += 1
            try:
                yield
            finally:
                hold.depth -= 1

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except tomllib.TOMLDecodeError as error:
            # The parser's words quote the place only, never the line.
            raise Misconfigured(
                f"The secrets file {self.path} is not valid TOML: {_place(error)}.", remedy="Correct the file by hand."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(
                f"The secrets file {self.path} cannot be read: {_reason(error)}.",
                remedy="Make it readable for the user that runs Hourline, and for nobody else.",
            ) from None

    def _write(self, content: dict[str, Any]) -> None:
        import tomlkit

        _make_private_folder(self.path.parent)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(tomlkit.dumps(content))
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _protect(field: str, value: str) -> None:
    """A user's name is kept with the password, but masking it would blot out ordinary words."""
    if field not in NAMES:
        protect(value)


def _make_private_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The data folder {folder} cannot be made: {_reason(error)}.",
            remedy="Set HOURLINE_HOME to a folder you may write.",
        ) from None


def _fingerprint(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8")).hexdigest()


def _place(error: tomllib.TOMLDecodeError) -> str:
    text = str(error)
    return text[text.rindex("(") :].strip("()") if "(" in text else "somewhere"


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not UTF-8 text"
