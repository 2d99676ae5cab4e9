"""The integration's user of the tenant."""

from __future__ import annotations

import hashlib

TENANT, OWNER = "hartwell", "ISU_Hourline"


def derived(seed: int, name: str) -> str:
    """A secret of the integration's user, made from the firm's seed."""
    return hashlib.blake2b(f"{seed} workday {name}".encode(), digest_size=16).hexdigest()
