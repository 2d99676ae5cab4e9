"""gusto-app-integration, the vendor's own library, against the simulated account.

Runs in an environment of its own; imports nothing of ours. Told where on standard input, tells what it saw on standard
output. The library speaks the version of 2024-04-01 and knows no time sheets: it writes by payroll inputs.
"""

import json
import sys

from gusto_app_integration import GustoAppIntegration as Gusto
from gusto_app_integration import models


def read(gusto, company):
    payrolls = gusto.payrolls.get_for_company(
        company_id=company,
        processing_statuses=[models.ProcessingStatuses.UNPROCESSED, models.ProcessingStatuses.PROCESSED],
        end_date="2026-12-31",
        per=100,
    )
    employees = gusto.employees.get(company_id=company, per=100)
    return {
        "employees": [[e.uuid, e.work_email, e.jobs[0].uuid] for e in employees],
        "schedules": [s.frequency.value for s in gusto.pay_schedules.list(company_id=company)],
        "periods": len(gusto.pay_schedules.get_pay_periods(company_id=company)),
        "default_payrolls": [p.processed for p in gusto.payrolls.get_for_company(company_id=company)],
        "unprocessed": [p.payroll_uuid for p in payrolls if not p.processed],
        "processed": [p.payroll_uuid for p in payrolls if p.processed],
        "earning_types": [e.name for e in gusto.earning_types.get(company_id=company).default],
    }


def set_hours(gusto, company, payroll, compensation, hours):
    regular = compensation.hourly_compensations[0]
    return gusto.payrolls.update(
        company_id=company,
        payroll_id=payroll,
        employee_compensations=[
            {
                "employee_uuid": compensation.employee_uuid,
                "version": compensation.version,
                "hourly_compensations": [{"name": regular.name, "hours": hours, "job_uuid": regular.job_uuid}],
            }
        ],
    ).employee_compensations[0]


def refused(call, *arguments):
    """The status and body of a refusal, whichever way the library raises it."""
    try:
        call(*arguments)
    except models.UnprocessableEntityErrorObject as error:
        return [422, error.data.errors[0].category]
    except models.APIError as error:
        return [error.status_code, json.loads(error.body)["errors"][0]["category"]]
    return None


def write(gusto, company, payroll, frozen):
    first = gusto.payrolls.prepare(company_id=company, payroll_id=payroll).employee_compensations[0]
    changed = set_hours(gusto, company, payroll, first, "80.000")
    again = set_hours(gusto, company, payroll, changed, "80.000")
    return {
        "hours": again.hourly_compensations[0].hours,
        "version_moved": first.version != changed.version,
        "stale": refused(set_hours, gusto, company, payroll, first, "1.000"),
        "frozen": refused(set_hours, gusto, company, frozen, first, "1.000"),
        "unknown": refused(lambda: gusto.payrolls.prepare(company_id=company, payroll_id="none")),
    }


def main():
    told = json.load(sys.stdin)
    company, secrets = told["options"]["company_uuid"], told["secrets"]
    first = Gusto(company_access_auth=secrets["access_token"], server_url=told["base_url"])
    fresh = first.introspection.refresh_access_token(
        client_id=secrets["client_id"],
        client_secret=secrets["client_secret"],
        refresh_token=secrets["refresh_token"],
        grant_type="refresh_token",
    )
    gusto = Gusto(company_access_auth=fresh.access_token, server_url=told["base_url"])
    seen = read(gusto, company)
    wrote = write(gusto, company, seen["unprocessed"][0], seen["processed"][0])
    json.dump({"read": seen, "write": wrote, "rotated": fresh.refresh_token != secrets["refresh_token"]}, sys.stdout)


if __name__ == "__main__":
    main()
