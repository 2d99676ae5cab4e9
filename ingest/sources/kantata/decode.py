"""What is read of Kantata OX, and how its answers become records. Pure.

The envelope lists ``results`` (key and id, in order) beside maps of records by id. Ids are strings, minutes whole
numbers, money in minor units of the record's currency, dates without zone, timestamps ISO 8601.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingest.declaration import Duration, Field, Neighbourhood, Personal, Resource

USERS = Resource(
    name="users",
    is_master=True,
    is_complete=True,
    is_about_person=True,
    fields=(
        Field("id", "text"),
        Field("full_name", "text", nullable=True),
        Field("email_address", "text", "usually", nullable=True),
        Field("role_id", "reference", "sometimes", nullable=True),
        Field("classification", "text", "sometimes", nullable=True),
        Field("manager_id", "reference", "sometimes", nullable=True),
        Field("external_reference_ids", "list", "sometimes", nullable=True),
        Field("account_id", "reference", "sometimes", nullable=True),
        Field("created_at", "instant", "sometimes", nullable=True),
        Field("updated_at", "instant", "sometimes", nullable=True),
    ),
    personal=(Personal(("full_name",), "name"), Personal(("email_address",), "email")),
)
WORKSPACES = Resource(
    name="workspaces",
    is_master=True,
    source_version="updated_at",
    fields=(
        Field("id", "text"),
        Field("title", "text"),
        Field("updated_at", "instant"),
        Field("account_id", "reference", "sometimes", nullable=True),
        Field("archived", "boolean", "usually"),
        Field("require_time_approvals", "boolean"),
        Field("currency", "text", "usually", nullable=True),
        Field("start_date", "date", "sometimes", nullable=True),
        Field("due_date", "date", "sometimes", nullable=True),
        Field("price_in_cents", "number", "sometimes", nullable=True),
        Field("default_rate", "any", "sometimes", nullable=True),
        Field("status", "any", "usually", nullable=True),
        Field("rate_card_id", "reference", "sometimes", nullable=True),
        Field("lock_date", "date", "sometimes", nullable=True),
        Field("external_reference_ids", "list", "sometimes", nullable=True),
        Field("created_at", "instant", "sometimes", nullable=True),
    ),
)
WORKSPACE_GROUPS = Resource(
    name="workspace_groups",
    is_master=True,
    is_complete=True,
    source_version="updated_at",
    fields=(
        Field("id", "text"),
        Field("name", "text"),
        Field("company", "boolean"),
        Field("contact_name", "text", "sometimes", nullable=True),
        Field("email", "text", "sometimes", nullable=True),
        Field("workspace_ids", "list", "usually", nullable=True),
        Field("external_reference_ids", "list", "sometimes", nullable=True),
        Field("created_at", "instant", "sometimes", nullable=True),
        Field("updated_at", "instant"),
    ),
    personal=(
        Personal(("contact_name",), "name", kind_of_person="contact"),
        Personal(("email",), "email", kind_of_person="contact"),
    ),
)
STORIES = Resource(
    name="stories",
    is_master=True,
    source_version="updated_at",
    fields=(
        Field("id", "text"),
        Field("title", "text"),
        Field("workspace_id", "text"),
        Field("story_type", "text", "sometimes", nullable=True),
        Field("billable", "boolean", "sometimes", nullable=True),
        Field("fixed_fee", "boolean", "sometimes", nullable=True),
        Field("budget_estimate_in_cents", "number", "sometimes", nullable=True),
        Field("deleted_at", "instant", "sometimes", nullable=True),
        Field("created_at", "instant", "sometimes", nullable=True),
        Field("updated_at", "instant"),
    ),
)
ROLES = Resource(
    name="roles",
    is_master=True,
    is_complete=True,
    fields=(
        Field("id", "text"),
        Field("name", "text"),
        Field("deleted_at", "instant", "sometimes", nullable=True),
        Field("updated_at", "instant", "sometimes", nullable=True),
    ),
)
# One row a role of a card's version; the rest of the chain is written into it.
RATE_CARD_ROLES = Resource(
    name="rate_card_roles",
    is_master=True,
    is_complete=True,
    fields=(
        Field("id", "text"),
        Field("role_id", "reference", nullable=True),
        Field("rate", "number", nullable=True),
        Field("rate_card_version_id", "reference"),
        Field("rate_card_id", "reference", nullable=True),
        Field("rate_card_set_id", "reference", nullable=True),
        Field("rate_card_set_version_id", "reference", nullable=True),
        Field("effective_date", "date", nullable=True),
        Field("currency", "text", nullable=True),
        Field("default_rate", "number", nullable=True),
        Field("created_at", "instant", "sometimes", nullable=True),
        Field("updated_at", "instant", "sometimes", nullable=True),
    ),
)
EXTERNAL_REFERENCES = Resource(
    name="external_references",
    is_master=True,
    is_complete=True,
    fields=(
        Field("id", "text"),
        Field("subject_type", "text"),
        Field("subject_id", "reference"),
        Field("service_name", "text"),
        Field("service_model", "text"),
        Field("service_model_ref", "reference"),
        Field("status", "text", "sometimes", nullable=True),
        Field("external_status", "text", "sometimes", nullable=True),
        Field("external_link", "text", "sometimes", nullable=True),
        Field("external_message", "text", "sometimes", nullable=True),
        Field("locked", "boolean", "sometimes", nullable=True),
        Field("created_at", "instant", "sometimes", nullable=True),
        Field("updated_at", "instant", "sometimes", nullable=True),
    ),
)
LINE_ITEM_LOCKS = Resource(
    name="line_item_locks",
    is_master=True,
    is_complete=True,
    fields=(
        Field("id", "text"),
        Field("account_id", "reference", "sometimes", nullable=True),
        Field("creator_id", "reference", "sometimes", nullable=True),
        Field("locked_to", "date"),
        Field("created_at", "instant", "sometimes", nullable=True),
        Field("updated_at", "instant", "sometimes", nullable=True),
    ),
)
TIMESHEET_SUBMISSIONS = Resource(
    name="timesheet_submissions",
    is_master=False,
    source_version="updated_at",
    fields=(
        Field("id", "text"),
        Field("status", "text"),
        Field("start_date", "date"),
        Field("end_date", "date"),
        Field("title", "text", "sometimes", nullable=True),
        Field("comment", "text", "sometimes", nullable=True),
        Field("line_item_total_in_cents", "number", "sometimes", nullable=True),
        Field("current_resolution_created_at_date", "any", "sometimes", nullable=True),
        Field("current_resolution_creator_id", "reference", "sometimes", nullable=True),
        Field("current_resolution_description", "text", "sometimes", nullable=True),
        Field("time_entry_ids", "list"),
        Field("user_id", "text"),
        Field("workspace_id", "text"),
        Field("created_at", "instant", "sometimes", nullable=True),
        Field("updated_at", "instant"),
    ),
    personal=(
        Personal(("comment",), "note", person=("user_id",)),
        Personal(("current_resolution_description",), "note", person=("user_id",)),
    ),
    dropped=frozenset({"permissions"}),  # what the asking user may do, not what the submission is
)
TIME_ENTRIES = Resource(
    name="time_entries",
    is_master=False,
    source_version="updated_at",
    work_date="date_performed",
    duration=Duration("time_in_minutes", 1),
    fields=(
        Field("id", "text"),
        Field("date_performed", "date"),
        Field("time_in_minutes", "integer"),
        Field("billable", "boolean"),
        Field("approved", "boolean"),
        Field("user_id", "text"),
        Field("workspace_id", "text"),
        Field("updated_at", "instant"),
        Field("is_invoiced", "boolean", "usually", nullable=True),
        Field("taxable", "boolean", "sometimes", nullable=True),
        Field("notes", "text", "usually", nullable=True),
        Field("rate_in_cents", "number", "sometimes", nullable=True),
        Field("cost_rate_in_cents", "number", "sometimes", nullable=True),
        Field("currency", "text", "usually", nullable=True),
        Field("currency_base_unit", "integer", "sometimes", nullable=True),
        Field("currency_symbol", "text", "sometimes", nullable=True),
        Field("location", "any", "sometimes", nullable=True),
        Field("created_at", "instant", "usually", nullable=True),
        Field("story_id", "text", "usually", nullable=True),
        Field("role_id", "text", "usually", nullable=True),
        Field("invoice_id", "reference", "sometimes", nullable=True),
        Field("active_submission_id", "reference", "usually", nullable=True),
        Field("recent_submission_id", "reference", "usually", nullable=True),
        Field("external_reference_ids", "list", "sometimes", nullable=True),
    ),
    personal=(Personal(("notes",), "note", person=("user_id",)), Personal(("location",), "note", person=("user_id",))),
    neighbourhoods=(Neighbourhood("person_day", "$.user_id", "$.date_performed"),),
    dropped=frozenset({"user_can_edit"}),  # of the asking user
)
# In this order: what an entry refers to comes first, and submissions name the entries to be read again.
RESOURCES: Sequence[Resource] = (
    USERS,
    ROLES,
    WORKSPACE_GROUPS,
    WORKSPACES,
    STORIES,
    RATE_CARD_ROLES,
    EXTERNAL_REFERENCES,
    LINE_ITEM_LOCKS,
    TIMESHEET_SUBMISSIONS,
    TIME_ENTRIES,
)


def records(body: Mapping[str, Any], name: str) -> Iterator[Any]:
    """The records an envelope lists under ``results``, in its order.

    Raises:
        KeyError: the envelope lists a record that it does not hold, or has no ``results``: it is cut off.
    """
    for result in body["results"]:
        if result["key"] == name:
            yield body[name][str(result["id"])]


def rate_card_roles(
    roles: Sequence[Mapping[str, Any]],
    versions: Mapping[str, Mapping[str, Any]],
    cards: Mapping[str, Mapping[str, Any]],
    set_versions: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The rate card chain as one record a role: set -> set version (effective date) -> card (currency) -> version -> role.

    The last three are by id. What a link does not lead to is null, never left out.
    """
    flat = []
    for role in roles:
        version = versions.get(_id(role, "rate_card_version_id"), {})
        card = cards.get(_id(version, "rate_card_id"), {})
        # The documents draw the chain and do not say which record holds the link; whichever does is followed.
        set_version_id = _either("rate_card_set_version_id", card, version)
        set_version = set_versions.get(str(set_version_id), {})
        flat.append(
            {
                **role,
                "role_id": role.get("role_id"),
                "rate": role.get("rate"),
                "rate_card_id": version.get("rate_card_id"),
                "rate_card_set_version_id": set_version_id,
                "rate_card_set_id": _either("rate_card_set_id", set_version, card),
                "effective_date": set_version.get("effective_date"),
                "currency": card.get("currency"),
                "default_rate": version.get("default_rate"),
            }
        )
    return flat


def _either(name: str, *records: Mapping[str, Any]) -> Any:
    """The field of the first record that has a value for it."""
    return next((record[name] for record in records if record.get(name) is not None), None)


def _id(record: Mapping[str, Any], name: str) -> str:
    return str(record.get(name))
