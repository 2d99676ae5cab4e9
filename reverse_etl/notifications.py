"""Telling people: one message a cause, when it opens, grows or is overdue, and one when it is solved.

The promise: a message is asked for in the transaction that decides it and sent after that; it is sent once, a try that was
interrupted (its process died) is repeated once at most, and a channel that is down is asked again at growing intervals. A
cause is never spoken of twice within the policy's interval. No message holds what a person earns, who they are, or what a
destination answered: only our own words, a count, and where to look. Nothing here ever touches a delivery.

Policy (``rule.policy``): ``notify_interval_hours`` (4), ``notify_growth_factor`` (2).
"""

from __future__ import annotations

import functools
import logging
import re
import urllib.parse
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plumbing import log
from plumbing.errors import Misconfigured, Unavailable
from plumbing.redaction import protect, redact
from reverse_etl import destinations, statements
from reverse_etl.report import hours, money, plain
from reverse_etl.syncs import SYNCS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from plumbing.settings import Settings

_log = log.get(__name__)

DEFAULT_CHANNEL = "default"
LEASE_SECONDS = 180.0  # longer than the slowest channel takes to fail
FIRST_WAIT_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 3600.0
MOST_ATTEMPTS = 60  # some two and a half days
LONGEST_ERROR = 200
SHORTEST_SECRET = 6  # characters; shorter parts of an address stand in ordinary words
# Only what stands for a thing, never for a person, may be named in a message.
_IMPERSONAL = frozenset({"period", "project", "task", "work_type", "plan"})
# Our reasons and rules, and a vendor's code or field name; anything longer may be a sentence about somebody.
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9_.\[\]: /-]{1,80}")
_SAID = {"opened": "needs you", "grown": "has grown", "overdue": "is overdue", "solved": "is solved"}


@dataclass
class NotifyReport:
    """What one call did.

    Attributes:
        asked: messages decided on now.
        sent: messages that a channel took.
        failing: channel -> why it took none.
        waiting: messages still to be sent, by a later call.
        unheard: causes whose owner has no channel, and no default one is set.
    """

    asked: int = 0
    sent: int = 0
    failing: dict[str, str] = field(default_factory=dict)
    waiting: int = 0
    unheard: int = 0
    has_channels: bool = True

    def text(self) -> str:
        """One line, and one for each channel that failed."""
        if not self.has_channels:
            return "No channel is set: nobody is told. Set HOURLINE_SECRET__NOTIFY__DEFAULT to an address of apprise."
        line = f"{self.asked:,} asked for, {self.sent:,} sent, {self.waiting:,} waiting"
        if self.unheard:
            line += (
                f"; {self.unheard:,} causes have an owner without a channel (set one named after the team, or default)"
            )
        return "\n".join([line, *(f"{name} took none: {why} It is tried again." for name, why in self.failing.items())])

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(plain(asdict(self)))


def notify(settings: Settings) -> NotifyReport:
    """Decide what has to be said, then say whatever is due; safe to call at any time, by any number of processes.

    A channel that fails is named in the report and tried again later; it raises nothing.
    """
    report = NotifyReport(has_channels=bool(settings.channels))
    if not settings.channels:
        return report
    engine = destinations.engine(settings, "operate")
    try:
        _decide(engine, settings.channels, report)
        _send_due(engine, settings.channels, report)
        with engine.connect() as connection:
            report.waiting = int(_run(connection, "count_waiting").scalar_one())
    finally:
        engine.dispose()
    _log.info("notified", asked=report.asked, sent=report.sent, waiting=report.waiting, failing=sorted(report.failing))
    return report


def send_line(settings: Settings, channel: str, title: str, line: str) -> None:
    """Send one line to every address of a channel at once; kept nowhere.

    Raises:
        Misconfigured: there is no such channel.
        Unavailable: an address did not take it.
    """
    if channel not in settings.channels:
        raise Misconfigured(
            f"There is no channel {channel!r}; there are {', '.join(settings.channels) or 'none'}.",
            remedy=f"Set HOURLINE_SECRET__NOTIFY__{channel.upper()} to an address of apprise.",
        )
    for number, address in enumerate(settings.channels[channel], 1):
        trouble = _send(address, title, line, "opened")
        if trouble is not None:
            raise Unavailable(f"Channel {channel}#{number} did not take the line: {trouble}", remedy="Send it again.")


def channel_of(owner: str, channels: Mapping[str, Any]) -> str | None:
    """The channel of a team: the one named after it (``payroll operations``: ``payroll_operations``), else the default one."""
    own = re.sub(r"[^a-z0-9]+", "_", owner.lower()).strip("_")
    return own if own in channels else DEFAULT_CHANNEL if DEFAULT_CHANNEL in channels else None


def message(cause: Mapping[str, Any]) -> tuple[str, str]:
    """Title and body: our own words, counts, the owner's name for the thing that is wrong, and where to look.

    Hours and money stand only in messages about what is billed, never about what is paid.
    """
    words = cause["cause"] if _PLAIN_WORDS.fullmatch(cause["cause"]) else cause["category"]
    subject = (
        cause["subject"] if cause["subject_kind"] in _IMPERSONAL and _PLAIN_WORDS.fullmatch(cause["subject"]) else ""
    )
    about = f" ({cause['subject_kind'].replace('_', ' ')} {subject})" if subject else ""
    what = words.replace("_", " ") + about
    place = f"{cause['sync']} to {cause['destination'] or 'no destination'}"
    title = f"Hourline: {what} {_SAID[cause['kind']]}"
    if cause["kind"] == "solved":
        return redact(title), redact(f"{place}: nothing waits for it any more.\nOwner: {cause['owner']}")
    lines = [f"{place}: {cause['exceptions']:,} rows wait for one cause.", f"Owner: {cause['owner']}"]
    if SYNCS[cause["sync"]].kind == "erp" and cause["subject_kind"] in _IMPERSONAL:
        amounts = [money(amount, currency) for currency, amount in _amounts(cause["money"])]
        lines.append(f"At stake: {', '.join([hours(cause['minutes']), *amounts])}")
    lines.append(f"Since: {cause['opened_at']:%Y-%m-%d %H:%M %Z}")
    if cause["due_at"] is not None:
        lines.append(f"Due: {cause['due_at']:%Y-%m-%d %H:%M %Z}")
    lines.append(f"Look: hourline exceptions --cause {cause['cause_key']}")
    return redact(title), redact("\n".join(lines))


def _amounts(given: Mapping[str, str]) -> list[tuple[str, Any]]:
    from decimal import Decimal

    return [(currency, Decimal(amount)) for currency, amount in sorted(given.items())]


@functools.cache
def _clause(name: str) -> tuple[sa.TextClause, tuple[str, ...]]:
    clause = sa.text(statements.named("notify")[name])
    return clause, tuple(clause.compile().params)


def _run(connection: sa.Connection, name: str, given: Mapping[str, Any] | None = None) -> sa.CursorResult[Any]:
    clause, names = _clause(name)
    return connection.execute(clause, {key: (given or {})[key] for key in names})


def _decide(engine: sa.Engine, channels: Mapping[str, Sequence[SecretStr]], report: NotifyReport) -> None:
    """Open and solve episodes, and ask for the messages that are due: one transaction, one process at a time."""
    with engine.begin() as connection:
        for step in ("take_turn", "open_episodes", "solve_episodes", "drop_stale", "close_untold"):
            _run(connection, step)
        for row in _run(connection, "due_messages").mappings().all():
            channel = channel_of(row["owner"], channels)
            if channel is None:
                report.unheard += 1
                continue
            title, body = message(dict(row))
            for number in range(1, len(channels[channel]) + 1):
                _run(connection, "ask", {**row, "channel": f"{channel}#{number}", "title": title, "body": body})
            _run(connection, "told", dict(row))
            report.asked += 1


def _send_due(engine: sa.Engine, channels: Mapping[str, tuple[SecretStr, ...]], report: NotifyReport) -> None:
    """Send one message after the other; a channel that fails is left alone for the rest of the call."""
    addresses = {f"{name}#{number}": one for name, listed in channels.items() for number, one in enumerate(listed, 1)}
    with engine.begin() as connection:
        _run(connection, "give_up_interrupted")
    while True:
        with engine.begin() as connection:
            given = {"lease_seconds": LEASE_SECONDS, "silent": sorted(report.failing)}
            row = _run(connection, "claim", given).mappings().first()
        if row is None:
            return
        name = row["channel"]
        address = addresses.get(name)
        trouble = (
            "It is not set any more." if address is None else _send(address, row["title"], row["body"], row["kind"])
        )
        with engine.begin() as connection:
            if trouble is None:
                _run(connection, "sent", dict(row))
                report.sent += 1
            else:
                report.failing[name] = trouble
                _run(connection, "not_sent", {**row, "error": trouble, "most_attempts": MOST_ATTEMPTS,
                                              "wait_seconds": _wait(row["attempts"])})  # fmt: skip


def _wait(attempts: int) -> float:
    return float(min(FIRST_WAIT_SECONDS * 2.0 ** (attempts - 1), LONGEST_WAIT_SECONDS))


def _send(address: SecretStr, title: str, body: str, kind: str) -> str | None:
    """Give one message to one address; None when it took it, else why not, without secrets."""
    import apprise

    plain_address = address.get_secret_value()
    _protect_parts(plain_address)
    asset = apprise.AppriseAsset(app_id="Hourline", app_desc="Hourline", app_url="", async_mode=False)
    channel = apprise.Apprise(asset=asset)
    if not channel.add(plain_address):
        return "Its address is none that apprise knows."
    levels = {"solved": apprise.NotifyType.SUCCESS, "overdue": apprise.NotifyType.FAILURE}
    capture: Any = apprise.LogCapture  # untyped
    with capture(level=logging.WARNING, fmt="%(message)s") as said:
        is_taken = channel.notify(
            body=body,
            title=title,
            notify_type=levels.get(kind, apprise.NotifyType.WARNING),
            body_format=apprise.NotifyFormat.TEXT,
        )
        words = " ".join(redact(said.getvalue()).split())[:LONGEST_ERROR]
    return None if is_taken else words or "It did not take the message."


def _protect_parts(address: str) -> None:
    """An address is a secret, and so is each part of it that a library might quote: user, password, path, options."""
    protect(address)
    parts = urllib.parse.urlsplit(address)
    pieces = [
        parts.username,
        parts.password,
        *parts.path.split("/"),
        *(value for _, value in urllib.parse.parse_qsl(parts.query)),
    ]
    if parts.scheme not in {"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}:
        pieces.append(parts.hostname)  # of a service known by name, what stands there is a token
    for piece in pieces:
        if piece and len(piece) >= SHORTEST_SECRET:
            protect(piece)
