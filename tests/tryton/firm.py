"""What the seeded ERP knows: people, customers, projects and their rates, by the codes a PSA would name them with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RATES = ("180.00", "150.00", "120.00", "210.00", "95.50", "240.00")
PHASES = ("Discovery", "Build", "Advisory", "Rollout", "Audit", "Support")


@dataclass(frozen=True)
class Size:
    """How many of each; tasks are per project, each with a rate of its own."""

    employees: int = 12
    projects: int = 6
    tasks: int = 3
    customers: int = 3


def firm(size: Size) -> dict[str, Any]:
    """The firm of a size, the same each time: employees E00101…, customers C1001…, projects P1001….

    Every third project is for a fixed fee: invoiced by hand, with one task without a rate. Every fifth employee carries
    the number as a party identifier alone, the others as the party's code too.
    """
    return {
        "employees": [
            {
                "code": f"E{101 + number:05}",
                "name": f"Employee {101 + number}",
                "email": f"e{101 + number}@example.com",
                "by_identifier": number % 5 == 4,
            }
            for number in range(size.employees)
        ],
        "customers": [
            {"code": f"C{1001 + number}", "name": f"Customer {1001 + number}"} for number in range(size.customers)
        ],
        "projects": [_project(number, size) for number in range(size.projects)],
    }


def _project(number: int, size: Size) -> dict[str, Any]:
    is_fixed = number % 3 == 2
    rated = [
        {"name": f"{PHASES[task % len(PHASES)]}", "rate": RATES[(number + task) % len(RATES)]}
        for task in range(size.tasks)
    ]
    return {
        "code": f"P{1001 + number}",
        "name": f"P{1001 + number} Project {1001 + number}",
        "customer": f"C{1001 + number % size.customers}",
        "invoice_method": "manual" if is_fixed else "timesheet",
        "tasks": [{"name": "Fixed fee", "rate": None}] if is_fixed else rated,
    }
