"""External references: the keys that other systems' records have here, and the upsert that a write-back uses.

Those of people, projects and clients come from the firm; the rest is what callers wrote. One per subject and service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from simulators.kantata.errors import invalid
from simulators.kantata.resource import STAMPS, Document, Include, stamp_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.kantata.query import ListQuery
    from simulators.kantata.state import State

STATUSES = ("pending", "successful", "failed")
REQUIRED = ("subject_type", "subject_id", "service_name", "service_model", "service_model_ref")
OPTIONAL = ("status", "external_status", "external_link", "external_message", "locked")
FIRST_ID = 5_000_001
MOST_REFS = 200
_LARGEST_REF = 2**31 - 1
LIST_FILTERS = frozenset(
    {
        "external_reference_service_name",
        "external_reference_service_model",
        "external_reference_service_model_refs",
        "external_reference_status",
        "external_reference_external_status",
        "without_external_reference_service_name",
    }
)


class References:
    """The resource `external_references`. `exists(subject_type, id)` knows the subjects of the account."""

    key = "external_references"
    filters = frozenset(STAMPS) | {
        "subject_type", "subject_id", "service_name", "service_model", "service_model_ref", "status",
    }  # fmt: skip
    orders = frozenset({"id", "created_at", "updated_at"})
    includes: Mapping[str, Include] = {}
    optional: frozenset[str] = frozenset()

    def __init__(self, state: State, exists: Callable[[str, int], bool]) -> None:
        self._state = state
        self._exists = exists
        self._seen: list[tuple[str, str, str, str, str]] = []

    # -- reading --------------------------------------------------------------------------------------------------

    def find(self, asked: ListQuery) -> tuple[list[str], int]:
        """By id unless asked otherwise."""
        where, values = ["1"], list[Any]()
        if asked.only is not None:
            where.append(f"id in ({', '.join(asked.only) or 'null'})")
        for name in ("subject_type", "subject_id", "service_name", "service_model", "service_model_ref", "status"):
            if (text := asked.text(name)) is not None:
                where.append(f"{name} = ?")
                values.append(text)
        stamp_conditions(asked, where, values)
        order, direction = asked.order or ("id", "asc")
        condition = " and ".join(where)
        total = int(self._state.value(f"select count(*) from kantata_reference where {condition}", values))  # noqa: S608
        rows = self._state.rows(
            f"select id from kantata_reference where {condition} order by {order} {direction}, id limit ? offset ?",  # noqa: S608
            [*values, asked.window.size, asked.window.start],
        )
        return [str(row[0]) for row in rows], total

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those that exist."""
        wanted = ", ".join(str(int(key)) for key in ids) or "null"
        rows = self._state.named(f"select * from kantata_reference where id in ({wanted})")  # noqa: S608 - numbers
        return {str(row["id"]): _document(row) for row in rows}

    def ids_of(self, subject_type: str, subject_ids: Iterable[int]) -> dict[int, list[str]]:
        """The ids of the references of each subject that has any."""
        wanted = ", ".join(str(key) for key in subject_ids) or "null"
        found: dict[int, list[str]] = {}
        for subject, key in self._state.rows(
            "select subject_id, id from kantata_reference"  # noqa: S608  own text, values bound
            f" where subject_type = ? and subject_id in ({wanted}) order by id",
            (subject_type,),
        ):
            found.setdefault(subject, []).append(str(key))
        return found

    @staticmethod
    def conditions(asked: ListQuery, subject_type: str, column: str, where: list[str], values: list[Any]) -> None:
        """The list filters by external reference, for a resource whose id column is `column`."""
        inner, given = ["subject_type = ?"], list[Any]([subject_type])
        for name in ("service_name", "service_model", "status", "external_status"):
            if (text := asked.text(f"external_reference_{name}")) is not None:
                inner.append(f"{name} = ?")
                given.append(text)
        refs = asked.ids("external_reference_service_model_refs", most=MOST_REFS)
        if refs is not None:
            if any(ref > _LARGEST_REF for ref in refs):
                raise invalid("external_reference_service_model_refs", "a reference is out of range")
            inner.append(f"service_model_ref in ({', '.join(repr(str(ref)) for ref in refs) or 'null'})")
        if len(inner) > 1:
            where.append(f"{column} in (select subject_id from kantata_reference where {' and '.join(inner)})")  # noqa: S608
            values += given
        if (service := asked.text("without_external_reference_service_name")) is not None:
            where.append(
                f"{column} not in (select subject_id from kantata_reference"  # noqa: S608 - own names
                " where subject_type = ? and service_name = ?)"
            )
            values += [subject_type, service]

    # -- writing --------------------------------------------------------------------------------------------------

    def upsert(self, given: Mapping[str, Any]) -> str:
        """`create_or_update`: unique per subject and service. Returns the id. Raises Refusal(422)."""
        row = self._checked(given)
        stamp = int(self._state.now().timestamp())
        key = self._state.value(
            "select id from kantata_reference where subject_type = ? and subject_id = ? and service_name = ?",
            (row["subject_type"], row["subject_id"], row["service_name"]),
        )
        if key is None:
            key = self._state.next_id("kantata_reference", FIRST_ID)
            row = dict.fromkeys(OPTIONAL) | {"status": "pending", "locked": 0} | row
            row |= {"id": key, "created_at": stamp, "updated_at": stamp}
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            self._state.run(f"insert into kantata_reference ({names}) values ({marks})", list(row.values()))  # noqa: S608
        else:
            row |= {"updated_at": stamp}
            sets = ", ".join(f"{name} = ?" for name in row)
            self._state.run(f"update kantata_reference set {sets} where id = ?", [*row.values(), key])  # noqa: S608
        return str(key)

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if unknown := set(given) - {*REQUIRED, *OPTIONAL}:
            name = min(unknown)
            raise invalid(name, f"{name} is not an attribute of an external reference")
        row = dict(given)
        for name in REQUIRED:
            if row.get(name) in (None, ""):
                raise invalid(name, f"{name} can't be blank")
            row[name] = str(row[name])
        for name in ("external_status", "external_link", "external_message"):
            if row.get(name) is not None and not isinstance(row[name], str):
                raise invalid(name, f"{name} must be text")
        if row.get("status", "pending") not in STATUSES:
            raise invalid("status", f"status must be one of {', '.join(STATUSES)}")
        if "locked" in row:
            if not isinstance(row["locked"], bool):
                raise invalid("locked", "locked must be true or false")
            row["locked"] = int(row["locked"])
        if not row["subject_id"].isdigit() or not self._exists(row["subject_type"], int(row["subject_id"])):
            raise invalid("subject_id", f"{row['subject_type']} {row['subject_id']} does not exist")
        row["subject_id"] = int(row["subject_id"])
        return row

    def mirror(self) -> None:
        """References of master records, as the firm has them now."""
        world = self._state.world
        rows = [
            *(("User", c.kantata_user_id, "hris", "employee", c.kantata_reference) for c in world.consultants.values()),
            *(
                ("Workspace", p.kantata_workspace_id, "salesforce", "Contract", p.kantata_reference)
                for p in world.projects.values()
                if not p.is_deleted
            ),
            *(
                ("WorkspaceGroup", c.kantata_group_id or "", "salesforce", "Account", c.kantata_reference)
                for c in world.customers.values()
            ),
        ]
        wanted = [(kind, key, service, model, ref) for kind, key, service, model, ref in rows if key and ref]
        if wanted == self._seen:
            return
        known = set(self._seen)
        for kind, key, service, model, ref in wanted:
            if (kind, key, service, model, ref) in known:
                continue
            self.upsert(
                {
                    "subject_type": kind,
                    "subject_id": key,
                    "service_name": service,
                    "service_model": model,
                    "service_model_ref": ref,
                    "status": "successful",
                }
            )
        still = {row[:3] for row in wanted}
        for kind, key, service, _model, _ref in self._seen:
            if (kind, key, service) not in still:
                self._state.run(
                    "delete from kantata_reference where subject_type = ? and subject_id = ? and service_name = ?",
                    (kind, int(key), service),
                )
        self._seen = wanted


def stamp_conditions(asked: ListQuery, where: list[str], values: list[Any]) -> None:
    """The four stamp filters, exclusive, over `created_at` and `updated_at` in epoch seconds."""
    for name in STAMPS:
        moment = asked.instant(name)
        if moment is not None:
            field, _, side = name.rpartition("_")
            where.append(f"{field}_at {'>' if side == 'after' else '<'} ?")
            values.append(moment.timestamp())


def _document(row: Mapping[str, Any]) -> Document:
    return {
        **{name: row[name] for name in (*REQUIRED, *OPTIONAL)},
        "id": str(row["id"]),
        "subject_id": str(row["subject_id"]),
        "locked": bool(row["locked"]),
        "created_at": stamp_text(row["created_at"]),
        "updated_at": stamp_text(row["updated_at"]),
    }
