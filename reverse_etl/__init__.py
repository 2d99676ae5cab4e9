"""Delivery: what each destination ought to hold, planned, sent, and settled effectively once.

An intent is committed before its call and its outcome before the next; what was interrupted is looked up before anything is
sent again. The public verbs stand in ``__all__``; everything takes `plumbing.settings.Settings` first. docs/delivery.md has
the states, the promise and its limits.
"""

from reverse_etl.adoption import AdoptionReport, Unmatched, adopt
from reverse_etl.planner import plan
from reverse_etl.pusher import follow_up, push
from reverse_etl.recovery import RecoveryReport, recover
from reverse_etl.report import PlanReport, PlanTotal, PushReport
from reverse_etl.story import ExceptionRow, Trace, TracedIntent, exceptions, trace
from reverse_etl.verbs import approve, hold_batch, hold_rows, replay

__all__ = [
    "AdoptionReport",
    "ExceptionRow",
    "PlanReport",
    "PlanTotal",
    "PushReport",
    "RecoveryReport",
    "Trace",
    "TracedIntent",
    "Unmatched",
    "adopt",
    "approve",
    "exceptions",
    "follow_up",
    "hold_batch",
    "hold_rows",
    "plan",
    "push",
    "recover",
    "replay",
    "trace",
]
