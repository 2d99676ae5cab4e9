"""Master data, rendered live from the firm: people, projects, tasks, roles, clients, the chain of rate cards."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from simulators.kantata.resource import STAMPS, Document, Include, stamp_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from simulators.firm.model import Consultant, Customer, Phase, Project, RateCardRole, Role, World
    from simulators.kantata.query import ListQuery
    from simulators.kantata.references import References

R = TypeVar("R")
ACCOUNT_ID = "910001"
_STATUS_KEYS = {"Active": 300, "Closed": 400}
_REFERENCES = Include("external_reference_ids", "external_references", many=True)


class Master(Generic[R]):
    """A resource whose records are few enough to be walked in memory."""

    def __init__(
        self,
        key: str,
        records: Callable[[], dict[str, R]],
        render: Callable[[str, R], Document],
        *,
        filters: Mapping[str, str] | None = None,
        includes: Mapping[str, Include] | None = None,
        optional: Iterable[str] = (),
        references: Callable[[Iterable[int]], dict[int, list[str]]] | None = None,
        stamped: bool = True,
    ) -> None:
        self.key = key
        self._references = references
        self._records = records
        self._render = render
        self._equal = dict(filters or {})
        self._stamps = STAMPS if stamped else ()
        self.filters = frozenset(self._stamps) | frozenset(self._equal)
        self.orders = frozenset({"id", *(("created_at", "updated_at") if stamped else ())})
        self.includes: Mapping[str, Include] = dict(includes or {})
        self.optional = frozenset(optional)

    def find(self, asked: ListQuery) -> tuple[list[str], int]:
        """Filtered and ordered in memory; by id unless asked otherwise."""
        wanted = None if asked.only is None else set(asked.only)
        found = [self._render(k, r) for k, r in self._records().items() if wanted is None or k in wanted]
        for name, field in self._equal.items():
            allowed = asked.ids(name)
            if allowed is not None:
                found = [d for d in found if d[field] is not None and int(d[field]) in allowed]
        for name in self._stamps:
            bound = stamp_text(asked.instant(name))
            if bound is not None:
                field, _, side = name.rpartition("_")
                found = [d for d in found if _is_beyond(d.get(f"{field}_at"), bound, after=side == "after")]
        order, direction = asked.order or ("id", "asc")
        found.sort(key=lambda d: int(d["id"]))
        if order != "id":
            found.sort(key=lambda d: str(d.get(order) or ""), reverse=direction == "desc")
        elif direction == "desc":
            found.reverse()
        page = found[asked.window.start : asked.window.start + asked.window.size]
        return [d["id"] for d in page], len(found)

    def documents(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those that exist."""
        records = self._records()
        found = {key: self._render(key, records[key]) for key in ids if key in records}
        if self._references is not None:
            own = self._references(int(key) for key in found)
            for key, document in found.items():
                document["external_reference_ids"] = own.get(int(key), [])
        return found


def _is_beyond(value: str | None, bound: str, *, after: bool) -> bool:
    if value is None:
        return False
    return value > bound if after else value < bound


class Firm:
    """The firm by Kantata's ids. Look-ups are rebuilt when the number of records moved."""

    def __init__(self, world: World, references: References) -> None:
        self._world = world
        self._references = references
        self._kept: dict[str, tuple[int, dict[str, Any]]] = {}

    def _keep(self, name: str, size: int, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        kept = self._kept.get(name)
        if kept is None or kept[0] != size:
            self._kept[name] = (size, make())
        return self._kept[name][1]

    def users(self) -> dict[str, Consultant]:
        """By user id."""
        people = self._world.consultants
        return self._keep("users", len(people), lambda: {c.kantata_user_id: c for c in people.values()})

    def workspaces(self) -> dict[str, Project]:
        """By workspace id; deleted projects are gone."""
        return {key: project for key, project in self.all_workspaces().items() if not project.is_deleted}

    def all_workspaces(self) -> dict[str, Project]:
        """By workspace id, deleted ones too."""
        projects = self._world.projects
        return self._keep("workspaces", len(projects), lambda: {p.kantata_workspace_id: p for p in projects.values()})

    def stories(self) -> dict[str, tuple[Project, Phase]]:
        """By story id; those of deleted projects are gone."""
        projects = [p for p in self._world.projects.values() if not p.is_deleted]
        size = sum(len(p.phases) for p in projects)
        return self._keep(
            "stories", size, lambda: {phase.kantata_story_id: (p, phase) for p in projects for phase in p.phases}
        )

    def groups(self) -> dict[str, Customer]:
        """By workspace group id."""
        return {c.kantata_group_id: c for c in self._world.customers.values() if c.kantata_group_id is not None}

    def roles(self) -> dict[str, Role]:
        """By role id."""
        return self._world.roles

    def chain(self, key: Callable[[RateCardRole], str]) -> dict[str, RateCardRole]:
        """The rate card rows by the id of one link of the chain."""
        return {key(row): row for row in self._world.rate_card}

    def of_customers(self) -> dict[str, list[str]]:
        """Workspace ids by customer number."""

        def make() -> dict[str, list[str]]:
            own: dict[str, list[str]] = {}
            for project in self.workspaces().values():
                own.setdefault(project.customer_number or "", []).append(project.kantata_workspace_id)
            return own

        return self._keep("of_customers", len(self.workspaces()), make)

    # -- resources ------------------------------------------------------------------------------------------------

    def resources(self) -> list[Master[Any]]:
        """Every master resource."""
        return [
            Master(
                "users", self.users, self._user, includes={"external_references": _REFERENCES},
                references=partial(self._references.ids_of, "User"), stamped=False,
            ),
            Master(
                "workspaces", self.workspaces, self._workspace, optional=["lock_date"],
                references=partial(self._references.ids_of, "Workspace"),
                includes={"external_references": _REFERENCES, "rate_card": Include("rate_card_id", "rate_cards")},
            ),
            Master(
                "stories", self.stories, self._story, filters={"workspace_id": "workspace_id"},
                includes={"workspace": Include("workspace_id", "workspaces", always=True)},
            ),
            Master("roles", self.roles, self._role, stamped=False),
            Master(
                "workspace_groups", self.groups, self._group,
                references=partial(self._references.ids_of, "WorkspaceGroup"),
                includes={
                    "workspaces": Include("workspace_ids", "workspaces", many=True),
                    "external_references": _REFERENCES,
                },
            ),
            *self._rate_cards(),
        ]  # fmt: skip

    def _rate_cards(self) -> list[Master[Any]]:
        return [
            Master(
                "rate_card_sets",
                lambda: self.chain(lambda r: r.kantata_set_id),
                lambda key, r: {"id": key, "title": r.set_title, "account_id": ACCOUNT_ID, **_stamps(r)},
            ),
            Master(
                "rate_card_set_versions",
                lambda: self.chain(lambda r: r.kantata_set_version_id),
                lambda key, r: {
                    "id": key,
                    "rate_card_set_id": r.kantata_set_id,
                    "effective_date": r.effective_date.isoformat(),
                    **_stamps(r),
                },
                filters={"rate_card_set_id": "rate_card_set_id"},
            ),
            Master(
                "rate_cards",
                lambda: self.chain(lambda r: r.kantata_card_id),
                lambda key, r: {
                    "id": key,
                    "rate_card_set_version_id": r.kantata_set_version_id,
                    "currency": r.currency,
                    **_stamps(r),
                },
                filters={"rate_card_set_version_id": "rate_card_set_version_id"},
            ),
            Master(
                "rate_card_versions",
                lambda: self.chain(lambda r: r.kantata_card_version_id),
                lambda key, r: {"id": key, "rate_card_id": r.kantata_card_id, "default_rate": None, **_stamps(r)},
                filters={"rate_card_id": "rate_card_id"},
            ),
            Master(
                "rate_card_roles",
                lambda: self.chain(lambda r: r.kantata_rate_card_role_id),
                lambda key, r: {
                    "id": key,
                    "role_id": r.kantata_role_id,
                    "rate": r.cents_per_hour,
                    "rate_card_version_id": r.kantata_card_version_id,
                    **_stamps(r),
                },
                filters={"rate_card_version_id": "rate_card_version_id", "role_id": "role_id"},
            ),
        ]

    def _user(self, key: str, c: Consultant) -> Document:
        return {
            "id": key,
            "full_name": c.full_name,
            "email_address": c.email,
            "role_id": c.kantata_role_id,
            "classification": "contractor" if c.is_subcontractor else "employee",
            "manager_id": None,
        }

    def _workspace(self, key: str, p: Project) -> Document:
        locked_to = self._world.locked_to
        return {
            "id": key,
            "title": p.title,
            "account_id": ACCOUNT_ID,
            "archived": p.is_archived,
            "require_time_approvals": p.requires_approval,
            "currency": p.currency,
            "start_date": p.start_date.isoformat(),
            "due_date": p.due_date.isoformat(),
            "price_in_cents": None,
            "default_rate": None,
            "status": {"key": _STATUS_KEYS.get(p.psa_status, 0), "message": p.psa_status},
            "rate_card_id": p.kantata_rate_card_id,
            "lock_date": locked_to.isoformat() if locked_to else None,
            **_stamps(p),
        }

    @staticmethod
    def _story(key: str, found: tuple[Project, Phase]) -> Document:
        project, phase = found
        return {
            "id": key,
            "title": phase.title,
            "workspace_id": project.kantata_workspace_id,
            "story_type": "task",
            "billable": phase.billable,
            "fixed_fee": phase.fixed_fee,
            "budget_estimate_in_cents": None,
            "deleted_at": None,
            **_stamps(phase),
        }

    @staticmethod
    def _role(key: str, r: Role) -> Document:
        return {"id": key, "name": r.name, "deleted_at": None}

    def _group(self, key: str, c: Customer) -> Document:
        return {
            "id": key,
            "name": c.name,
            "company": True,
            "contact_name": None,
            "email": None,
            "workspace_ids": self.of_customers().get(c.number, []),
            **_stamps(c),
        }


def _stamps(record: Any) -> Document:
    stamp = stamp_text(record.modified_at)
    return {"created_at": stamp, "updated_at": stamp}
