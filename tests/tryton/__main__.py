"""`python -m tests.tryton build|up|fresh|drop|down`: a real Tryton, by one command. `--help` says what each does."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time

from plumbing import embedded
from plumbing.postmaster import running
from tests.tryton.database import Home, own_postgres
from tests.tryton.firm import Size, firm
from tests.tryton.install import CACHE, SERIES
from tests.tryton.server import serve, warm


def main() -> None:
    chosen = _arguments()
    if chosen.verb == "down":
        for pid in chosen.pids:
            os.kill(pid, signal.SIGTERM)
        if not chosen.pids:
            embedded.stop(CACHE / "postgres")
        return
    was_running = running(CACHE / "postgres") is not None
    home = Home(chosen.series, chosen.postgres or own_postgres())
    if chosen.verb == "drop":
        home.drop(chosen.database)
        return
    spec = firm(Size(chosen.employees, chosen.projects, chosen.tasks, chosen.customers))
    began = time.monotonic()
    if chosen.verb == "build":
        home.build(spec)
        if not chosen.postgres and not was_running:
            embedded.stop(CACHE / "postgres")
        print(json.dumps({"seconds": round(time.monotonic() - began, 1)}))
        return
    if chosen.verb == "up":
        home.drop(chosen.database)
    ids = home.fresh(chosen.database, spec)
    made = {"database": chosen.database, "ids": ids}
    if chosen.verb == "up":
        settings = dict(pair.split("=", 1) for pair in chosen.set)
        server, _ = serve(home, chosen.database, ids, port=chosen.port, detached=True, **settings)
        made = server.line()
    elif chosen.server:
        warm(chosen.server, chosen.database)
    print(json.dumps({**made, "seconds": round(time.monotonic() - began, 1)}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.tryton", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    about = {
        "build": "make the seeded database's SQL in the cache",
        "up": "a new database, thrown away if it was there, and a server; prints one JSON line",
        "fresh": "a new database for a server that is up; prints one JSON line",
        "drop": "remove a database",
        "down": "stop servers by process id; without ids, the PostgreSQL that this command keeps",
    }
    for verb, text in about.items():
        one = verbs.add_parser(verb, help=text)
        if verb == "down":
            one.add_argument("pids", nargs="*", type=int)
            continue
        one.add_argument("--series", choices=SERIES, default=SERIES[0])
        one.add_argument("--postgres", help="URL of a PostgreSQL's maintenance database; default: one of our own")
        one.add_argument("--database", default="erp", help="its name (default: erp)")
        for what, default in vars(Size()).items():
            one.add_argument(f"--{what}", type=int, default=default)
        if verb == "fresh":
            one.add_argument("--server", help="URL of a running server that shall load it")
        if verb == "up":
            one.add_argument("--port", type=int, default=0, help="default: a free one")
            one.add_argument("--set", action="append", default=[], metavar="session__max_age=3", help="Tryton's own")
    return parser.parse_args()


main()
