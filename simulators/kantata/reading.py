"""Lists and single records: the envelope keyed by id, associations, optional fields (sheet B1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.kantata import query
from simulators.kantata.errors import not_found
from simulators.kantata.events import SUBJECTS, Events
from simulators.kit import Call, PageShape, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.datastructures import QueryParams
    from starlette.responses import Response

    from simulators.kantata.entries import TimeEntries
    from simulators.kantata.query import ListQuery
    from simulators.kantata.resource import Document, Resource


class Envelope(PageShape):
    """Rows are in an object by id, named in order by `results`."""

    def rows(self, payload: Any) -> list[dict[str, Any]]:
        return [payload[one["key"]][one["id"]] for one in self._results(payload)]

    def keep(self, payload: Any, most: int) -> None:
        for one in self._results(payload)[most:]:
            payload.get(one["key"], {}).pop(one["id"], None)
        del self._results(payload)[most:]

    @staticmethod
    def _results(payload: Any) -> list[dict[str, Any]]:
        found = payload.get("results") if isinstance(payload, dict) else None
        return found if isinstance(found, list) else []


class Reading:
    """Handlers that list and show. `resources` by key; two of them have ways of their own."""

    def __init__(self, resources: Mapping[str, Resource], entries: TimeEntries, events: Events) -> None:
        self._resources = resources
        self._entries = entries
        self._events = events

    def lister(self, resource: Resource) -> Callable[[Call], Response]:
        def run(call: Call) -> Response:
            asked = self._read(resource, call.query)
            ids, total = resource.find(asked)
            return self._envelope(resource, ids, total, asked)

        return run

    def shower(self, resource: Resource) -> Callable[[Call], Response]:
        def run(call: Call) -> Response:
            asked = self._read(resource, call.query)
            if resource is self._events:
                self._events.check_bought()
            return self.one(resource, call.params["key"], asked)

        return run

    @staticmethod
    def _read(resource: Resource, given: QueryParams) -> ListQuery:
        return query.read(
            given,
            filters=resource.filters,
            orders=resource.orders,
            includes=resource.includes,
            optional=resource.optional,
        )

    def one(self, resource: Resource, key: str, asked: ListQuery | None = None) -> Response:
        """A single record in the same envelope; 404 also for what a default filter hides."""
        if not key.isdigit() or key not in resource.documents([key]):
            raise not_found()
        shows_all = asked is None or asked.flag("from_archived_workspaces", default=False)
        if resource is self._entries and not shows_all and self._entries.is_hidden(key):
            raise not_found()
        return self._envelope(resource, [key], 1, asked)

    def _envelope(self, resource: Resource, ids: list[str], total: int, asked: ListQuery | None) -> Response:
        documents = resource.documents(ids)
        included: dict[str, dict[str, Document]] = {}
        include = [] if asked is None else asked.include
        if resource is self._events:
            self._add_subjects(documents, included if include else None)
        for name, association in resource.includes.items():
            if name in include and association.target:
                wanted = _ids(documents.values(), association.field, many=association.many)
                included.setdefault(association.target, {}).update(
                    self._bare(self._resources[association.target], wanted)
                )
            elif name not in include and not association.always:
                for document in documents.values():
                    document.pop(association.field, None)
        for name in resource.optional - set([] if asked is None else asked.optional):
            for document in documents.values():
                document.pop(name, None)
        size = asked.window.size if asked else 1
        meta = {
            "count": total,
            "page_count": -(-total // size),
            "page_number": asked.window.number if asked else 1,
            "page_size": size,
        }
        present = [key for key in ids if key in documents]
        return answer(
            {
                **included,
                "count": total,
                "meta": meta,
                "results": [{"key": resource.key, "id": key} for key in present],
                resource.key: {**included.get(resource.key, {}), **documents},
            }
        )

    def _bare(self, resource: Resource, ids: Iterable[str]) -> dict[str, Document]:
        """Included records: no associations of their own."""
        documents = resource.documents(ids)
        hidden = {a.field for a in resource.includes.values() if not a.always} | set(resource.optional)
        for document in documents.values():
            for name in hidden:
                document.pop(name, None)
        return documents

    def _add_subjects(self, events: dict[str, Document], included: dict[str, dict[str, Document]] | None) -> None:
        for subject_type, key in SUBJECTS.items():
            own = [event for event in events.values() if event["subject_type"] == subject_type]
            found = self._bare(self._resources[key], dict.fromkeys(event["subject_id"] for event in own))
            for event in own:
                if event["subject_id"] in found:
                    event["subject_ref"] = {"key": key, "id": event["subject_id"]}
            if included is not None and found:
                included[key] = found


def _ids(documents: Iterable[Document], field: str, *, many: bool) -> list[str]:
    found: dict[str, None] = {}
    for document in documents:
        value = document[field]
        found.update(dict.fromkeys(value if many else [value]))
    return [key for key in found if key is not None]
