"""Finds the vendors under a package by looking; there is no list to edit.

A vendor is a module or a sub-package whose name does not begin with an underscore.
"""

from __future__ import annotations

import importlib
import pkgutil


def systems(package: str) -> list[str]:
    """Names of the vendors under ``package`` (dotted, e.g. ``ingest.sources``), sorted; none of them is imported."""
    parent = importlib.import_module(package)
    return sorted(found.name for found in pkgutil.iter_modules(parent.__path__) if not found.name.startswith("_"))
