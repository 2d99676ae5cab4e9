"""The firm's projects and who works on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from simulators.firm import names
from simulators.firm.masters import (
    UNPRICED_ROLE,
    add_contract,
    add_rate,
    base_rate,
    billing_type_of,
    share,
    stamp,
)
from simulators.firm.model import FIXED_FEE, TIME_AND_MATERIALS, Consultant, Phase, Project

if TYPE_CHECKING:
    import random
    from datetime import datetime

    from simulators.firm.ids import Ids
    from simulators.firm.model import World

INTERNAL, TIME_OFF = "P0001", "P0002"
LEAVE_KINDS = ("Vacation", "Sick leave", "Public holiday")
# Of the Time and Materials projects of an entity, by place: at least one of each in the firm, more as it grows.
PECULIAR = {("US", 1): "deleted", ("US", 2): "erp_closed", ("US", 3): "no_approval", ("UK", 1): "archived"}
RARE_WEIGHT = {"deleted": 0.12, "erp_closed": 0.25}


@dataclass(frozen=True)
class Assignment:
    """A person on a project in a role; `weight` is how often they work there."""

    project: Project
    role_id: str
    weight: float


def add_projects(world: World, ids: Ids, rng: random.Random, count: int) -> None:
    _add_house_projects(world, ids)
    serial = 1_000
    for entity in world.entities:
        customers = [c for c in world.customers.values() if c.entity == entity]
        hourly = 0
        for place in range(share(count, entity, 6)):
            serial += 1
            billing_type = billing_type_of(place)
            customer = customers[place % len(customers)]
            contract = add_contract(world, ids, customer, billing_type, rng)
            peculiar = ""
            if billing_type == TIME_AND_MATERIALS:
                peculiar = PECULIAR.get((entity, hourly % 25), "")
                hourly += 1
            code = f"P{serial}"
            start = contract.start_date + timedelta(days=7)
            since = stamp(start, 10)
            phases = [
                _phase(ids, title, since, fixed_fee=billing_type == FIXED_FEE)
                for title in [*names.PHASES[: 3 + serial % 2], *(["Travel"] if place % 4 == 0 else [])]
            ]
            project = Project(
                code=code,
                name=names.WORKS[serial * 7 % len(names.WORKS)] + f" for {customer.name}" * (place % 5 == 4),
                kind="client",
                entity=entity,
                currency=contract.currency,
                customer_number=customer.number,
                contract_number=contract.number,
                requires_approval=peculiar != "no_approval",
                is_archived=peculiar == "archived",
                is_deleted=peculiar == "deleted",
                psa_status="Active",
                erp_status="Closed" if peculiar == "erp_closed" else "Open",
                start_date=start,
                due_date=world.as_of + timedelta(days=200),
                kantata_workspace_id=ids.number("workspace", 40_000_000),
                kantata_reference=contract.number.lstrip("0"),
                kantata_rate_card_id=_card(world, contract.currency),
                netsuite_job_id=ids.number("job", 5_000),
                phases=phases,
                modified_at=since,
            )
            world.projects[code] = project
            if contract.salesforce_pricebook_id and place % 4 == 1:
                price = base_rate("Senior Consultant", contract.currency) * Decimal("1.21")
                add_rate(
                    world, ids, contract, price.quantize(Decimal("0.01")), contract.start_date, None,
                    role_name="Senior Consultant", project_code=code,
                )  # fmt: skip


def _add_house_projects(world: World, ids: Ids) -> None:
    since = stamp(world.go_live - timedelta(days=380))
    for code, name, kind, titles, approval in (
        (INTERNAL, "Internal", "internal", ("Training", "Sales support", "Administration"), False),
        (TIME_OFF, "Time off", "leave", LEAVE_KINDS, True),
    ):
        phases = [_phase(ids, title, since, fixed_fee=False) for title in titles]
        for phase in phases:
            phase.billable, phase.netsuite_task_id = False, None
        world.projects[code] = Project(
            code=code,
            name=name,
            kind=kind,
            entity="US",
            currency="USD",
            customer_number=None,
            contract_number=None,
            requires_approval=approval,
            is_archived=False,
            is_deleted=False,
            psa_status="Active",
            erp_status="Open",
            start_date=since.date(),
            due_date=world.as_of + timedelta(days=2_000),
            kantata_workspace_id=ids.number("workspace", 40_000_000),
            kantata_reference=None,
            kantata_rate_card_id=None,
            netsuite_job_id=None,
            phases=phases,
            modified_at=since,
        )


def _phase(ids: Ids, title: str, since: datetime, *, fixed_fee: bool) -> Phase:
    return Phase(title, ids.number("story", 70_000_000), ids.number("task", 9_000), True, fixed_fee, "Open", since)


def _card(world: World, currency: str) -> str:
    """The newest card of the currency."""
    return max((r for r in world.rate_card if r.currency == currency), key=lambda r: r.effective_date).kantata_card_id


def staff(world: World, ids: Ids, rng: random.Random) -> dict[str, list[Assignment]]:
    """Who works on what, by employee number: two to four client projects of the person's own entity. Every project has
    at least two people; the role without a standard rate works only where a price book or no price is."""
    by_entity: dict[str, list[Project]] = {}
    for project in world.projects.values():
        if project.kind == "client":
            by_entity.setdefault(project.entity, []).append(project)
    plan: dict[str, list[Assignment]] = {number: [] for number in world.consultants}
    for entity, projects in by_entity.items():
        people = [c for c in world.consultants.values() if c.entity == entity]
        for place, person in enumerate(people):
            fitting = [p for p in projects if _fits(world, person, p)]
            wanted = min(len(fitting), rng.randrange(2, 5))
            own = [fitting[place % len(fitting)]]
            own += rng.sample([p for p in fitting if p not in own], max(0, wanted - 1))
            plan[person.number] += [_assign(world, person, p, rng) for p in own]
        for project in projects:
            there = [c for c in people if any(a.project is project for a in plan[c.number])]
            absent = [c for c in people if c not in there and _fits(world, c, project)]
            for person in rng.sample(absent, min(len(absent), max(0, 2 - len(there)))):
                plan[person.number].append(_assign(world, person, project, rng))
    _price_persons(world, ids, plan, rng)
    return plan


def _fits(world: World, person: Consultant, project: Project) -> bool:
    contract = world.contracts[project.contract_number or ""]
    priced = contract.billing_type != TIME_AND_MATERIALS or contract.salesforce_pricebook_id is not None
    return priced or world.roles[person.kantata_role_id].name != UNPRICED_ROLE


def _assign(world: World, person: Consultant, project: Project, rng: random.Random) -> Assignment:
    role_id = person.kantata_role_id
    if rng.random() < 0.08 and world.roles[role_id].name != UNPRICED_ROLE:
        role_id = rng.choice([r.kantata_role_id for r in world.roles.values() if r.level <= 4 and r.on_rate_card][:4])
    weight = 1.0
    if project.is_deleted:
        weight = RARE_WEIGHT["deleted"]
    elif project.erp_status == "Closed":
        weight = RARE_WEIGHT["erp_closed"]
    return Assignment(project, role_id, weight)


def _price_persons(world: World, ids: Ids, plan: dict[str, list[Assignment]], rng: random.Random) -> None:
    """Some clients pay a price of their own for a person they know."""
    priced = set[tuple[str, str]]()
    for number, assignments in plan.items():
        for assignment in assignments:
            contract = world.contracts[assignment.project.contract_number or ""]
            if contract.salesforce_pricebook_id is None or rng.random() >= 0.12 or (contract.number, number) in priced:
                continue
            if not world.roles[assignment.role_id].on_rate_card:
                continue
            priced.add((contract.number, number))
            price = base_rate(world.roles[assignment.role_id].name, contract.currency) + Decimal("12.35")
            add_rate(world, ids, contract, price, contract.start_date, None, person_number=number)
