"""Personal values apart from everything else: ciphertext under the person's own key, which the master key wraps.

Promise: a value is in the vault before any row with its token is committed anywhere. A person is erased by destroying
their key: what was kept under it can be read by nobody, tokens and hashes elsewhere stay as they were, and the person's
values are not kept again when they are read again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from plumbing.errors import Misconfigured

if TYPE_CHECKING:
    import psycopg

    from ingest.shaping import Keys, Secret

_NONCE_BYTES = 12
_KEY_BITS = 256
_REMEMBERED = 50_000  # values known to be kept already; bounds memory, costs a look-up when it is full


class Vault:
    """Keeps and opens personal values through one database connection of the role load."""

    def __init__(self, connection: psycopg.Connection[Any], keys: Keys) -> None:
        self._connection = connection
        self._master = AESGCM(keys.wrap)
        self._ciphers: dict[str, AESGCM | None] = {}
        self._kept: set[tuple[str, str]] = set()

    def keep(self, secrets: Iterable[Secret]) -> None:
        """Keep these values, in a transaction of its own; what is kept already costs nothing."""
        wanted = {(s.token, s.person_ref): s for s in secrets if (s.token, s.person_ref) not in self._kept}
        if not wanted:
            return
        with self._connection.transaction():
            self._ready_ciphers({s.person_ref for s in wanted.values()})
            self._write(wanted.values())
        if len(self._kept) + len(wanted) > _REMEMBERED:
            self._kept.clear()
        self._kept.update(wanted)

    def _write(self, arriving: Iterable[Secret]) -> None:
        self._connection.execute(
            "create temporary table if not exists arriving (token text, person_ref text, field text, ciphertext bytea)"
            " on commit delete rows"
        )
        with (
            self._connection.cursor() as cursor,
            cursor.copy("copy arriving (token, person_ref, field, ciphertext) from stdin (format binary)") as copy,
        ):
            copy.set_types(["text", "text", "text", "bytea"])
            for secret in arriving:
                cipher = self._ciphers[secret.person_ref]
                if cipher is not None:  # None: the person was erased
                    sealed = _seal(cipher, secret.value.encode("utf-8"), secret.token)
                    copy.write_row((secret.token, secret.person_ref, secret.of, sealed))
        self._connection.execute(
            "insert into vault.personal_value (token, person_ref, field, ciphertext)"
            " select token, person_ref, field, ciphertext from arriving on conflict do nothing"
        )

    def _ready_ciphers(self, person_refs: set[str]) -> None:
        unknown = sorted(person_refs - self._ciphers.keys())
        if not unknown:
            return
        made = [(ref, _seal(self._master, AESGCM.generate_key(_KEY_BITS), ref)) for ref in unknown]
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "insert into vault.person_key (person_ref, wrapped_key) values (%s, %s) on conflict do nothing", made
            )
        for ref, wrapped in self._connection.execute(
            "select person_ref, wrapped_key from vault.person_key where person_ref = any(%s)", (unknown,)
        ):
            self._ciphers[ref] = None if wrapped is None else AESGCM(self._open(self._master, wrapped, ref))

    def reveal(self, token: str) -> str | None:
        """The value behind a token; None when it is not kept or everyone it belonged to was erased."""
        found = self._connection.execute(
            "select v.person_ref, v.ciphertext, k.wrapped_key from vault.personal_value v"
            " join vault.person_key k using (person_ref) where v.token = %s and k.wrapped_key is not null"
            " order by v.person_ref limit 1",
            (token,),
        ).fetchone()
        if found is None:
            return None
        person_ref, ciphertext, wrapped = found
        cipher = AESGCM(self._open(self._master, wrapped, person_ref))
        return self._open(cipher, ciphertext, token).decode("utf-8")

    def erase(self, person_refs: Sequence[str]) -> int:
        """Destroy the keys of these persons (``<connection>:<kind>:<id>``); how many there were to destroy."""
        with self._connection.transaction():
            done = self._connection.execute(
                "update vault.person_key set wrapped_key = null, destroyed_at = clock_timestamp()"
                " where person_ref = any(%s) and wrapped_key is not null",
                (list(person_refs),),
            )
            # Somebody who was never read yet must not be kept later either.
            self._connection.execute(
                "insert into vault.person_key (person_ref, destroyed_at) select unnest(%s::text[]), clock_timestamp()"
                " on conflict do nothing",
                (list(person_refs),),
            )
        for ref in person_refs:
            self._ciphers[ref] = None
        return done.rowcount

    @staticmethod
    def _open(cipher: AESGCM, sealed: bytes, bound_to: str) -> bytes:
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode("utf-8"))
        except InvalidTag:
            raise Misconfigured(
                "The vault does not open with this installation's master key.",
                remedy="Restore the secrets file that belongs to this warehouse; personal values cannot be read without it.",
            ) from None


def _seal(cipher: AESGCM, value: bytes, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, value, bound_to.encode("utf-8"))
