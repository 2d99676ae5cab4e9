"""The firm's standing: entities, roles, people, clients, contracts, prices, periods, payrolls."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from simulators.firm import names
from simulators.firm.model import (
    FIXED_FEE,
    RETAINER,
    TIME_AND_MATERIALS,
    AccountingPeriod,
    Consultant,
    Contract,
    Customer,
    Item,
    LegalEntity,
    Payroll,
    PaySchedule,
    PriceBook,
    RateCardRole,
    RateEntry,
    Role,
    WorkTypeRule,
)

if TYPE_CHECKING:
    import random

    from simulators.firm.ids import Ids
    from simulators.firm.model import World

# name, item code, on the standard rate card, level, base rate in US dollars, share of the staff
ROLES = [
    ("Partner", "SVC-PARTNER", True, 6, 420, 4),
    ("Principal Consultant", "SVC-PRINCIPAL", True, 5, 320, 10),
    ("Senior Consultant", "SVC-SENIOR", True, 4, 240, 26),
    ("Consultant", "SVC-CONSULT", True, 3, 180, 32),
    ("Analyst", "SVC-ANALYST", True, 2, 130, 20),
    ("Data Engineer", "SVC-DATA", True, 3, 210, 8),
    ("Forensic Analyst", "SVC-FORENSIC", False, 4, 260, 0),
    ("Data Ethicist", "SVC-ETHICS", True, 4, 250, 0),
]
UNPRICED_ROLE = "Forensic Analyst"  # only price books know it, and they have a gap
ITEMLESS_ROLE = "Data Ethicist"  # the ERP has no item SVC-ETHICS
PLANNED_ROLE = "Sustainability Advisor"  # not yet in the PSA; the firm's rules know its item SVC-SUSTAIN already
PLANNED_ITEM = "SVC-SUSTAIN"
TRAVEL_ITEM = "SVC-TRAVEL"
CURRENCY_FACTOR = {"USD": Decimal(1), "GBP": Decimal("0.8"), "EUR": Decimal("0.92")}
PRICE_GAP = (timedelta(days=28), timedelta(days=41))  # from go-live: first and last day without a price
CLOSED_PAY_DAYS = 14  # payrolls are run up to here after go-live; the firm is behind with the rest
ENTITY_SHARE = {"US": 0.5, "UK": 0.25, "DE": 0.25}


def stamp(day: date, hour: int = 9, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second), tzinfo=UTC)


def share(total: int, entity: str, least: int) -> int:
    return max(least, round(total * ENTITY_SHARE[entity]))


def add_entities(world: World) -> None:
    since = stamp(world.go_live - timedelta(days=400))
    for key, name, region, currency, zone, code, country, subsidiary, has_payroll in (
        ("US", "Hartwell Inc", "Americas", "USD", "America/New_York", "US01", "US", "2", True),
        ("UK", "Hartwell Ltd", "EMEA", "GBP", "Europe/London", "UK01", "GB", "3", False),
        ("DE", "Hartwell GmbH", "EMEA", "EUR", "Europe/Berlin", "DE01", "DE", "4", False),
    ):
        world.entities[key] = LegalEntity(
            key, name, region, currency, zone, code, country, subsidiary, name, world.go_live, has_payroll, since
        )


def add_roles_and_items(world: World, ids: Ids) -> None:
    since = stamp(world.go_live - timedelta(days=390))
    for name, code, on_card, level, _base, _share in ROLES:
        role = Role(ids.number("role", 60_000), name, code, on_card, level, since)
        world.roles[role.kantata_role_id] = role
        if name != ITEMLESS_ROLE:
            world.items[code] = Item(ids.number("item", 70), code, f"{name} services", False, since)
    world.items[TRAVEL_ITEM] = Item(ids.number("item", 70), TRAVEL_ITEM, "Travel time", False, since)
    world.items["SVC-LEGACY"] = Item(ids.number("item", 70), "SVC-LEGACY", "Services before 2024", True, since)
    rule = WorkTypeRule
    world.work_type_map = [
        rule("kantata", "story_title", "Travel", "travel", False, TRAVEL_ITEM),
        rule("kantata", "workspace_title", "P0001 Internal", "internal", False, None),
        rule("kantata", "workspace_title", "P0002 Time off", "time_off", True, None),
        *(rule("kantata", "role_name", name, word(name), False, code) for name, code, *_ in ROLES),
        rule("kantata", "role_name", PLANNED_ROLE, word(PLANNED_ROLE), False, PLANNED_ITEM),
    ]


def word(name: str) -> str:
    return name.lower().replace(" ", "_")


def base_rate(role_name: str, currency: str) -> Decimal:
    """The standard rate per hour, a whole number of the currency."""
    base = next((base for name, _c, _o, _l, base, _s in ROLES if name == role_name), 230)
    return (Decimal(base) * CURRENCY_FACTOR[currency]).quantize(Decimal(1))


def add_rate_card(world: World, ids: Ids) -> None:
    """One set with two versions: the rates went up some weeks after go-live."""
    set_id = ids.number("rate_card_set", 300)
    rise = (world.go_live + timedelta(days=38)).replace(day=1)
    for effective, factor in ((date(world.go_live.year - 2, 1, 1), Decimal(1)), (rise, Decimal("1.05"))):
        version = ids.number("rate_card_set_version", 500)
        for currency in CURRENCY_FACTOR:
            card, card_version = ids.number("rate_card", 800), ids.number("rate_card_version", 1_200)
            for role in world.roles.values():
                if role.on_rate_card:
                    cents = int((base_rate(role.name, currency) * factor * 100).quantize(Decimal(1)))
                    world.rate_card.append(
                        RateCardRole(
                            kantata_rate_card_role_id=ids.number("rate_card_role", 5_000),
                            kantata_role_id=role.kantata_role_id,
                            cents_per_hour=cents,
                            currency=currency,
                            effective_date=effective,
                            kantata_set_id=set_id,
                            set_title="Standard rates",
                            kantata_set_version_id=version,
                            kantata_card_id=card,
                            kantata_card_version_id=card_version,
                            modified_at=stamp(world.go_live - timedelta(days=60)),
                        )
                    )


def add_people(world: World, ids: Ids, rng: random.Random, headcount: int) -> None:
    """People of each entity, with the irregular ones that every firm of any size has among them."""
    roles = {role.name: role.kantata_role_id for role in world.roles.values()}
    serial, seen = 100, set[str]()
    for entity in world.entities:
        for place in range(share(headcount, entity, 4)):
            serial += 1
            number = f"E{serial:05d}"
            first, last = rng.choice(names.FIRST[entity]), rng.choice(names.LAST[entity])
            role_name = rng.choices([r[0] for r in ROLES], [r[5] for r in ROLES])[0]
            if (entity, place % 40) in {("US", 3), ("DE", 39)}:
                role_name = ITEMLESS_ROLE
            if (entity, place % 40) in {("UK", 1), ("US", 39)}:
                role_name = UNPRICED_ROLE
            chance = rng.random() < 0.1
            subcontracts = place == 5 or (entity, place) == ("UK", 2) or (chance and place > 3)
            hired = world.go_live - timedelta(days=rng.randrange(300, 2_500))
            pays = world.entities[entity].has_payroll and not subcontracts
            world.consultants[number] = Consultant(
                number=number,
                first_name=first,
                last_name=last,
                email=email(first, last, serial, seen),
                entity=entity,
                worker_type="Contingent_Worker" if subcontracts else "Employee",
                kantata_role_id=roles[role_name],
                hire_date=hired,
                termination_date=None,
                cost_center=f"CC-{entity}-{rng.choice(['ADVISORY', 'DELIVERY', 'DATA'])}",
                weekly_hours=rng.choice([40, 40, 40, 32]),
                hr_id=hr_spelling(number, rng),
                kantata_user_id=ids.number("user", 12_000_000),
                kantata_reference=None if rng.random() < 0.15 else str(serial),
                netsuite_employee_id=ids.number("employee", 900),
                gusto_employee_uuid=ids.uuid("employee", number) if pays else None,
                gusto_job_uuid=ids.uuid("job", number) if pays else None,
                modified_at=stamp(hired + timedelta(days=30), 9, serial % 60),
            )
    _single_out(world)


def email(first: str, last: str, serial: int, seen: set[str]) -> str:
    """ASCII, unique in the firm."""
    plain = unicodedata.normalize("NFKD", f"{first}.{last}".replace("ł", "l").replace("Ł", "L"))
    local = "".join(letter for letter in plain if letter.isascii() and (letter.isalnum() or letter == ".")).lower()
    address = f"{local.strip('.')}@hartwell.example"
    if address in seen or not local.strip("."):
        address = f"{local.strip('.')}{serial}@hartwell.example".lstrip("@")
    seen.add(address)
    return address


def hr_spelling(number: str, rng: random.Random) -> str:
    """HR writes most numbers as they are, some otherwise; the digits agree."""
    roll = rng.random()
    if roll < 0.85:
        return number
    digits = number[1:].lstrip("0")
    return digits if roll < 0.93 else f"e-{digits}"


def _single_out(world: World) -> None:
    """The people who are always there: one the ERP does not know, one newcomer HR does not know yet, one who left, one
    whom HR writes otherwise with a reference in the PSA, and one who is matched by e-mail alone."""
    people = [c for c in world.consultants.values() if c.entity == "US"]
    people[1].netsuite_employee_id = None
    leaver = next(c for c in world.consultants.values() if c.entity == "DE")
    leaver.termination_date = world.go_live + timedelta(days=45)
    odd = people[2]
    odd.hr_id, odd.kantata_reference = f"e-{int(odd.number[1:])}", str(int(odd.number[1:]))
    people[0].kantata_reference, people[0].hr_id = None, people[0].number
    newcomer = people[-1]
    newcomer.hr_id = newcomer.kantata_reference = None
    newcomer.gusto_employee_uuid = newcomer.gusto_job_uuid = None
    newcomer.hire_date = world.go_live + timedelta(days=56)
    newcomer.modified_at = stamp(newcomer.hire_date)


def add_customers(world: World, ids: Ids, rng: random.Random, count: int) -> None:
    serial = 1_000
    for entity, home in world.entities.items():
        group: str | None = None
        for place in range(share(count, entity, 3)):
            serial += 1
            number = f"C{serial}"
            client = names.CLIENT[entity][place % len(names.CLIENT[entity])]
            suffix = rng.choice(names.CLIENT_SUFFIX[entity])
            area = f" {1 + place // len(names.CLIENT[entity])}" if place >= len(names.CLIENT[entity]) else ""
            if place % 3 == 0:
                group = number
            foreign = place % 9 == 7
            currency = {"USD": "EUR", "GBP": "USD", "EUR": "GBP"}[home.currency] if foreign else home.currency
            world.customers[number] = Customer(
                number=number,
                name=f"{client}{area} {suffix}",
                parent_number=group if place % 3 == 2 else None,
                entity=entity,
                currency=currency,
                country=home.country,
                salesforce_account_id=ids.salesforce("001"),
                kantata_group_id=ids.number("group", 200_000),
                kantata_reference=str(serial) if rng.random() < 0.95 else None,
                netsuite_customer_id=ids.number("customer", 2_000),
                modified_at=stamp(world.go_live - timedelta(days=rng.randrange(5, 300))),
            )


def add_contract(world: World, ids: Ids, customer: Customer, billing_type: str, rng: random.Random) -> Contract:
    """A contract and, mostly, its own price book (every Time and Materials one that must have a price, has one)."""
    number = f"{2_001 + len(world.contracts):08d}"
    start = world.go_live - timedelta(days=rng.randrange(220, 600))
    book: PriceBook | None = None
    if billing_type == TIME_AND_MATERIALS and len(world.contracts) % 3 != 2:
        book = PriceBook(ids.salesforce("01s"), f"{customer.name} {number.lstrip('0')}", stamp(start))
        world.price_books[book.salesforce_pricebook_id] = book
    contract = Contract(
        number=number,
        customer_number=customer.number,
        entity=customer.entity,
        billing_type=billing_type,
        currency=customer.currency,
        start_date=start,
        end_date=start + timedelta(days=1_460),
        salesforce_contract_id=ids.salesforce("800"),
        salesforce_pricebook_id=book.salesforce_pricebook_id if book else None,
        modified_at=stamp(start, 10),
    )
    world.contracts[number] = contract
    if book is not None:
        _price(world, ids, contract, rng)
    return contract


def _price(world: World, ids: Ids, contract: Contract, rng: random.Random) -> None:
    """Prices by role; half of them rose once; the unpriced role has a gap in the middle of the twelve weeks."""
    first = date(world.go_live.year - 3, 1, 1)
    for role in world.roles.values():
        if role.on_rate_card and rng.random() < 0.3:
            continue  # the standard rate card holds
        price = _client_price(role.name, contract.currency, rng)
        if not role.on_rate_card:
            last = world.go_live + PRICE_GAP[0] - timedelta(days=1)
            add_rate(world, ids, contract, price, first, last, role_name=role.name)
            again = world.go_live + PRICE_GAP[1] + timedelta(days=1)
            add_rate(world, ids, contract, price + 5, again, None, role_name=role.name)
        elif rng.random() < 0.5:
            rise = world.go_live + timedelta(days=rng.randrange(10, 70))
            add_rate(world, ids, contract, price, first, rise - timedelta(days=1), role_name=role.name)
            add_rate(world, ids, contract, price + Decimal("7.5"), rise, None, role_name=role.name)
        else:
            add_rate(world, ids, contract, price, first, None, role_name=role.name)


def _client_price(role_name: str, currency: str, rng: random.Random) -> Decimal:
    """Not a round number for every client: amounts must need rounding."""
    price = base_rate(role_name, currency) * Decimal(rng.randrange(92, 118)) / 100
    return price.quantize(Decimal("0.05")) if rng.random() < 0.5 else price.quantize(Decimal(1))


def add_rate(
    world: World, ids: Ids, contract: Contract, price: Decimal, first: date, last: date | None,
    *, role_name: str | None = None, person_number: str | None = None, project_code: str | None = None,
) -> RateEntry:  # fmt: skip
    entry = RateEntry(
        salesforce_entry_id=ids.salesforce("01u"),
        salesforce_product_id=ids.salesforce("01t"),
        salesforce_pricebook_id=contract.salesforce_pricebook_id or "",
        role_name=role_name,
        person_number=person_number,
        project_code=project_code,
        unit_price=price,
        currency=contract.currency,
        effective_from=first,
        effective_to=last,
        is_active=True,
        modified_at=stamp(world.go_live - timedelta(days=30)),
    )
    world.rate_entries[entry.salesforce_entry_id] = entry
    return entry


def billing_type_of(place: int) -> str:
    """Of every ten contracts six are Time and Materials, two fixed fee, two retainer; the first six of a run too."""
    return (TIME_AND_MATERIALS, TIME_AND_MATERIALS, TIME_AND_MATERIALS, TIME_AND_MATERIALS, FIXED_FEE, RETAINER,
            TIME_AND_MATERIALS, TIME_AND_MATERIALS, FIXED_FEE, RETAINER)[place % 10]  # fmt: skip


def add_periods(world: World, ids: Ids) -> None:
    """Months, quarters and years round the firm's time; all up to the month of go-live are closed in the ERP."""
    first, last = world.go_live.year - 1, world.as_of.year + 1
    since = stamp(world.go_live - timedelta(days=365))
    closed_from = world.go_live.replace(day=1)
    for year in range(first, last + 1):
        spans = [(f"FY {year}", "year", date(year, 1, 1), date(year, 12, 31))]
        for quarter in range(4):
            start = date(year, 3 * quarter + 1, 1)
            spans.append((f"Q{quarter + 1} {year}", "quarter", start, month_end(start.replace(month=start.month + 2))))
        for month in range(1, 13):
            start = date(year, month, 1)
            spans.append((f"{start:%b %Y}", "month", start, month_end(start)))
        for name, kind, start, end in spans:
            closed = end < closed_from or (kind == "month" and start <= closed_from)
            world.periods[name] = AccountingPeriod(ids.number("period", 100), name, kind, start, end, closed, since)


def month_end(start: date) -> date:
    return (start.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def add_payrolls(world: World, ids: Ids) -> None:
    """Every other week from half a year before go-live. The firm is behind: all up to the first after go-live are
    processed, the others wait to be caught up after the as-of date."""
    schedule = PaySchedule(
        entity="US",
        gusto_schedule_uuid=ids.uuid("pay_schedule", "US"),
        version=ids.uuid("pay_schedule_version", "US").replace("-", ""),
        name="Biweekly",
        frequency="Every other week",
        anchor_pay_date=world.go_live - timedelta(days=182 - 18),
        anchor_end_of_pay_period=world.go_live - timedelta(days=182 - 13),
    )
    world.pay_schedules.append(schedule)
    start = world.go_live - timedelta(days=182)
    while start <= world.as_of + timedelta(days=14):
        end = start + timedelta(days=13)
        processed = end < world.go_live + timedelta(days=CLOSED_PAY_DAYS)
        check = end + timedelta(days=5) if processed else max(end, world.as_of) + timedelta(days=9)
        deadline = stamp(check - timedelta(days=2), 23)
        payroll = Payroll(
            gusto_payroll_uuid=ids.uuid("payroll", start.isoformat()),
            gusto_schedule_uuid=schedule.gusto_schedule_uuid,
            period_start=start,
            period_end=end,
            check_date=check,
            deadline=deadline,
            status="processed" if processed else "unprocessed",
            processed_at=deadline - timedelta(hours=3) if processed else None,
            modified_at=deadline if processed else stamp(start),
        )
        world.payrolls[payroll.gusto_payroll_uuid] = payroll
        start += timedelta(days=14)
