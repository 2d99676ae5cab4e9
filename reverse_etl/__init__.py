"""Delivery: what each destination ought to hold, planned, sent, and settled effectively once.

An intent is committed before its call and its outcome before the next; what was interrupted is looked up before anything is
sent again. The public verbs stand in ``__all__``; everything takes `plumbing.settings.Settings` first. docs/delivery.md has
the states, the promise and its limits.
"""

from reverse_etl.adoption import AdoptionReport, Unmatched, adopt
from reverse_etl.audit import Anchor, Finding, Verification, seal
from reverse_etl.causes import Cause, ExceptionRow, causes, exceptions
from reverse_etl.notifications import NotifyReport, notify
from reverse_etl.planner import plan
from reverse_etl.proposals import Approval, Proposal, approve_proposals, proposals, reject_proposals
from reverse_etl.pusher import follow_up, push
from reverse_etl.questions import Question, question
from reverse_etl.recovery import RecoveryReport, recover
from reverse_etl.report import PlanReport, PlanTotal, PushReport
from reverse_etl.story import Trace, TracedIntent, trace
from reverse_etl.unknowns import answer
from reverse_etl.verbs import approve, hold_batch, hold_rows, replay

__all__ = [
    "AdoptionReport",
    "Anchor",
    "Approval",
    "Cause",
    "ExceptionRow",
    "Finding",
    "NotifyReport",
    "PlanReport",
    "PlanTotal",
    "Proposal",
    "PushReport",
    "Question",
    "RecoveryReport",
    "Trace",
    "TracedIntent",
    "Unmatched",
    "Verification",
    "adopt",
    "answer",
    "approve",
    "approve_proposals",
    "causes",
    "exceptions",
    "follow_up",
    "hold_batch",
    "hold_rows",
    "notify",
    "plan",
    "proposals",
    "push",
    "question",
    "recover",
    "reject_proposals",
    "replay",
    "seal",
    "trace",
]
