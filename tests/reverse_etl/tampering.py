"""Somebody with every right over the database who changes one row of the story, by a seed."""

import random
from typing import Any

TABLES = {"event": "event_id", "attempt": "attempt_id", "request": "call_id"}
EDITS = {
    "event": ("actor", "verb", "subject", "at", "detail", "epoch"),
    "attempt": ("outcome", "vendor_id", "message", "intent_id", "attempt_no", "is_late"),
    "request": ("destination", "sync", "at", "intent_count", "worker", "outcome", "message"),
}
OTHER = {
    "at": "at + interval '1 microsecond'", "detail": "detail || '{\"x\": 1}'", "epoch": "epoch + 1", "intent_id": "intent_id + 1",
    "attempt_no": "attempt_no + 1", "is_late": "not is_late", "intent_count": "intent_count + 1",
}  # fmt: skip


def let_ids_be_given(connection: Any) -> None:
    """Triggers off, and rows may be given another's number; taken back with the transaction."""
    connection.execute("set session_replication_role = replica")
    for table in ("event", "attempt"):
        connection.execute(f"alter table delivery.{table} alter column {TABLES[table]} drop identity")
        connection.execute(f"create sequence trial_{table} start 100000")
        connection.execute(
            f"alter table delivery.{table} alter column {TABLES[table]} set default nextval('trial_{table}')"
        )


class Tamperer:
    """One seeded change of one row (two, for a swap) by somebody with every right; gives the rows it may be named by."""

    def __init__(self, connection, seed):
        self.connection = connection
        self.random = random.Random(seed)  # noqa: S311  a seeded draw, no secret

    def run(self):
        return getattr(self, self.random.choice(["edit", "delete", "insert", "swap"]))()

    def row(self, kinds=tuple(TABLES)):
        """A random sealed row: table, where it is, and how it is named."""
        number = {1: "event", 2: "request", 3: "attempt"}
        wanted = [kind for kind, table in number.items() if table in kinds]
        rows = self.connection.execute(
            "select position, kind, row_id from delivery.seal where kind = any(%s) order by position", (wanted,)
        ).fetchall()
        row = self.random.choice(rows)
        table = number[row["kind"]]
        if table == "request":
            phase = "answered" if row["row_id"] % 2 else "asked"
            return (
                row,
                table,
                f"call_id = {row['row_id'] // 2} and phase = '{phase}'",
                f"{row['row_id'] // 2} ({phase})",
            )
        return row, table, f"{TABLES[table]} = {row['row_id']}", str(row["row_id"])

    def edit(self):
        _, table, where, name = self.row()
        column = self.random.choice(EDITS[table])
        value = OTHER.get(column, f"coalesce({column}, '') || '!'")
        assert self.connection.execute(f"update delivery.{table} set {column} = {value} where {where}").rowcount == 1
        return {(table, name)}

    def delete(self):
        row, table, where, name = self.row()
        self.connection.execute(f"delete from delivery.{table} where {where}")
        last = self.connection.execute("select max(position) as last from delivery.seal").fetchone()["last"]
        if self.random.random() < 0.3 and row["position"] < last:  # with its seal: the chain has a hole
            self.connection.execute("delete from delivery.seal where position = %s", (row["position"],))
            return {("seal", f"of position {row['position']:,}")}
        return {(table, name)}

    def insert(self):
        """Among the sealed rows: with a transaction of that time, and maybe a seal of its own that moves the others up."""
        last = self.connection.execute("select max(xid) as last from delivery.event").fetchone()["last"]
        while True:
            row, table, where, _ = self.row(("event", "attempt"))
            found = self.connection.execute(f"select xid from delivery.{table} where {where}").fetchone()
            if int(found["xid"]) < int(last):
                break
        columns = (
            "actor, verb, subject, epoch, xid" if table == "event" else "intent_id, attempt_no, outcome, message, xid"
        )
        made = self.connection.execute(
            f"insert into delivery.{table} ({columns}) select {columns} from delivery.{table} where {where} returning {TABLES[table]} as id"
        ).fetchone()["id"]
        if self.random.random() < 0.5:
            self.connection.execute(
                "create temporary table moved as select * from delivery.seal where position >= %s", (row["position"],)
            )
            self.connection.execute("delete from delivery.seal where position >= %s", (row["position"],))
            self.connection.execute(
                "insert into delivery.seal values (%s, %s, %s, sha256('x'))", (row["position"], row["kind"], made)
            )
            self.connection.execute("insert into delivery.seal select position + 1, kind, row_id, hash from moved")
        return {(table, str(made))}

    def swap(self):
        """Two rows of a kind change places: their numbers, or their seals."""
        first, table, _, one = self.row(("event", "attempt"))
        second, _, _, other = self.row((table,))
        if first == second:
            return self.swap()
        a, b = first["row_id"], second["row_id"]
        if self.random.random() < 0.5:
            for old, new in ((a, -1), (b, a), (-1, b)):
                self.connection.execute(
                    f"update delivery.{table} set {TABLES[table]} = {new} where {TABLES[table]} = {old}"
                )
        else:
            self.connection.execute(
                "update delivery.seal set row_id = case position when %s then %s else %s end where position = any(%s)",
                (first["position"], b, a, [first["position"], second["position"]]),
            )
        return {(table, one), (table, other)}
