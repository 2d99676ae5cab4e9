"""Seeds a fresh Tryton database. Runs in Tryton's own environment: `python seed.py base|firm CONFIG DATABASE-URL [SPEC]`.

`base`: a company in US dollars with a chart of accounts, fiscal years 2025 to 2027 with monthly periods and invoice
sequences, a payment term, a payment method, and the integration user with the groups it needs. `firm`: people,
customers, projects and tasks of the JSON in SPEC. Prints the ids as JSON.
"""

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path

from proteus import Model
from proteus import config as proteus_config
from trytond.modules.account.tests.tools import create_chart, create_fiscalyear, get_accounts
from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
from trytond.modules.company.tests.tools import create_company, get_company

YEARS = (2025, 2026, 2027)
USER, PASSWORD = "integration", "integration-password"
GROUPS = (
    "Timesheet Administration",
    "Project Administration",
    "Project Invoice",
    "Accounting",
    "Party Administration",
    "Product Administration",
    "Company Administration",
    "Employee Administration",
)


def base() -> dict:
    party = Model.get("party.party")(name="Hartwell Consulting Inc.")
    party.save()
    create_company(party=party, currency="USD")
    company = get_company()
    create_chart(company)
    accounts = get_accounts(company)
    for year in YEARS:
        fiscal_year = create_fiscalyear(company, (dt.date(year, 1, 1), dt.date(year, 12, 31)))
        fiscal_year.start_date, fiscal_year.end_date = dt.date(year, 1, 1), dt.date(year, 12, 31)
        set_fiscalyear_invoice_sequences(fiscal_year)
        fiscal_year.save()
        fiscal_year.click("create_period")
    term = Model.get("account.invoice.payment_term")(name="30 days")
    line = term.lines.new(type="remainder")
    line.relativedeltas.new(days=30)
    term.save()
    journal = Model.get("account.journal").find([("type", "=", "cash")], limit=1)[0]
    method = Model.get("account.invoice.payment.method")(
        name="Bank transfer", journal=journal, credit_account=accounts["cash"], debit_account=accounts["cash"]
    )
    method.save()
    # A party's code is the firm's own number, not a sequence's.
    configuration = Model.get("party.configuration")(1)
    configuration.party_sequence = None
    configuration.save()
    return {"company": company.id, "payment_method": method.id, "user": _user(company), "product": _product(accounts)}


def _user(company: object) -> int:
    group = Model.get("res.group")
    groups = group.find([("name", "in", GROUPS)])
    missing = set(GROUPS) - {one.name for one in groups}
    if missing:
        raise SystemExit(f"Tryton has no groups {sorted(missing)}.")
    user = Model.get("res.user")(name="Integration", login=USER, password=PASSWORD)
    user.companies.append(company)
    user.company = company
    user.groups.extend(groups)
    user.save()
    return user.id


def _product(accounts: dict) -> int:
    category = Model.get("product.category")(name="Services", accounting=True)
    category.account_revenue = accounts["revenue"]
    category.account_expense = accounts["expense"]
    category.save()
    hour = Model.get("product.uom").find([("name", "=", "Hour")])[0]
    template = Model.get("product.template")(name="Consulting", default_uom=hour, type="service")
    template.list_price = Decimal("100.00")
    template.account_category = category
    template.save()
    return template.products[0].id


def firm(spec: dict) -> dict:
    term = Model.get("account.invoice.payment_term").find([])[0]
    company = get_company()
    product = Model.get("product.product").find([("template.name", "=", "Consulting")])[0]
    customers, employees, projects = {}, {}, {}
    for one in spec["customers"]:
        party = _party(one)
        party.customer_payment_term = term
        party.addresses[0].street = "1 Main Street"
        party.save()
        customers[one["code"]] = party
    for one in spec["employees"]:
        party = _party(one)
        party.contact_mechanisms.new(type="email", value=one["email"])
        party.save()
        employee = Model.get("company.employee")(party=party, company=company)
        employee.cost_prices.new(date=dt.date(YEARS[0], 1, 1), cost_price=Decimal("60.00"))
        employee.save()
        employees[one["code"]] = employee.id
    user = Model.get("res.user").find([("login", "=", USER)])[0]
    user.employees.extend(Model.get("company.employee").find([]))
    user.save()
    for one in spec["projects"]:
        projects[one["code"]] = _project(one, customers[one["customer"]], product)
    return {
        "customers": {code: party.id for code, party in customers.items()},
        "employees": employees,
        "projects": projects,
    }


def _party(one: dict) -> object:
    party = Model.get("party.party")(name=one["name"])
    # Some parties were here under another number before the firm had its own: theirs stands as an identifier alone.
    party.code = f"OLD-{one['code'][1:]}" if one.get("by_identifier") else one["code"]
    party.identifiers.new(type=None, code=one["code"])
    return party


def _project(one: dict, customer: object, product: object) -> dict:
    project = Model.get("project.work")(name=one["name"], type="project", party=customer)
    project.project_invoice_method = one["invoice_method"]
    for wanted in one["tasks"]:
        task = project.children.new(name=wanted["name"], type="task", product=product)
        task.timesheet_available = True
        # Set after the product, whose own price on_change would write over it.
        task.list_price = None if wanted["rate"] is None else Decimal(wanted["rate"])
    project.save()
    project.reload()
    return {
        "id": project.id,
        "tasks": [
            {
                "id": task.id,
                "work": task.timesheet_works[0].id,
                "name": task.name,
                "rate": None if task.list_price is None else str(task.list_price),
            }
            for task in project.children
        ],
    }


def main() -> None:
    step, configuration, database = sys.argv[1:4]
    proteus_config.set_trytond(database, config_file=configuration)
    proteus_config.get_config()._context = Model.get("res.user").get_preferences(True, {})
    made = base() if step == "base" else firm(json.loads(Path(sys.argv[4]).read_text()))
    print(json.dumps(made))


main()
