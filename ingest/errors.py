"""What can be wrong with a source beyond a failed call; each stops a resource or its whole source, never silently."""

from __future__ import annotations

from plumbing.errors import Terminal, Transient


class ShapeChanged(Terminal):
    """A declared field is gone from every record, or changed its type in a whole page: the contract was broken there."""


class ImplausibleRead(Terminal):
    """So much is missing or misfit that the read itself is doubted: the source is stopped and nothing is deleted here."""


class LandingBusy(Transient):
    """Another landing of the same connection is under way."""
