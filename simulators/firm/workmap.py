"""Which kind of work an hour is, by the firm's `work_type_map`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.firm.model import Item, Project, TimeEntry, WorkTypeRule, World

STRENGTH = ("story_title", "workspace_title", "role_name")


class WorkMap:
    """The map as it stands when this is made."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rules = {(rule.match_on, rule.match_value): rule for rule in world.work_type_map}
        self._titles = {p.kantata_story_id: p.title for project in world.projects.values() for p in project.phases}

    def rule(self, entry: TimeEntry, project: Project | None) -> WorkTypeRule | None:
        """The strongest row that fits: by task title, then project title, then role."""
        role = self._world.roles.get(str(entry.role_id))
        known = {
            "story_title": self._titles.get(str(entry.story_id)) if project and not project.is_deleted else None,
            "workspace_title": project.title if project and not project.is_deleted else None,
            "role_name": role.name if role else None,
        }
        for match_on in STRENGTH:
            value = known[match_on]
            if value is not None and (match_on, value) in self._rules:
                return self._rules[match_on, value]
        return None

    def item(self, entry: TimeEntry, project: Project | None) -> Item | None:
        """The ERP's active item for the work; None where it has none."""
        rule = self.rule(entry, project)
        item = self._world.items.get(rule.erp_item_code or "") if rule else None
        return None if item is None or item.is_inactive else item
