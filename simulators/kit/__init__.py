"""What every simulated vendor stands on: one ASGI app with a journal, faults, limits, a clock and a control path.

A vendor is a module `simulators/<vendor>.py` or a folder `simulators/<vendor>/`, found by looking, never listed. It
gives

    TLS: bool = False                                         # True: served by TLS with the run's test CA
    def app(world: World, options: AppOptions) -> KitApp      # the vendor, reading the firm live from `world`
    def describe(world: World, options: AppOptions) -> dict   # {"base_url", "options", "secrets"} for simulators.json

`options.origin` is the vendor's own scheme, host and port (`http://127.0.0.1:8104`), known before `app` is called.
The server adds `ca_file` and `control_url` to what `describe` returns.

Smallest vendor:

    def app(world, options):
        def people(call: Call) -> Response:
            call.ids["people"] = str(len(world.consultants))
            return answer([{"id": c.kantata_user_id} for c in world.consultants.values()])
        return KitApp("acme", world, options, routes=[Route("GET", "/v1/people", people)], authenticate=check)
"""

from simulators.kit.app import AppOptions, KitApp, Route, answer
from simulators.kit.call import Call
from simulators.kit.clock import SimClock
from simulators.kit.faults import Fault, PageShape
from simulators.kit.journal import Journal
from simulators.kit.limits import Concurrency, Limit, SlidingWindow

__all__ = [
    "AppOptions",
    "Call",
    "Concurrency",
    "Fault",
    "Journal",
    "KitApp",
    "Limit",
    "PageShape",
    "Route",
    "SimClock",
    "SlidingWindow",
    "answer",
]
