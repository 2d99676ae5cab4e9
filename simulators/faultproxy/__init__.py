"""A seeded HTTP proxy that loses, delays, repeats, cuts and refuses what passes between a client and any server.

It stands on loopback before a simulator, a real ERP or a test's own destination, knows nothing of either side, and keeps
connections alive on both. What becomes of a call is drawn from the seed, the call's own bytes and how often these bytes
came before, never from the order of arrival: the same seed gives the same calls the same faults, however many threads call.

`FaultProxy` runs in an event loop; ``python -m simulators.faultproxy`` runs one as a process of its own.
"""

from simulators.faultproxy.faults import KINDS, Mix
from simulators.faultproxy.proxy import Call, FaultProxy

__all__ = ["KINDS", "Call", "FaultProxy", "Mix"]
