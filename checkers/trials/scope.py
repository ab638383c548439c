"""Scope: which collections an applier's configuration takes, and which clause keeps another one out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EXCLUDED = ("_apps", "_trx", "_replication", "_configuration", "_sessions", "_foxxlog", "_statistics")
_QUEUES = ("_jobs", "_queues")


def barrier(name: str, configuration: Mapping[str, Any]) -> str | None:
    """The clause that keeps a collection from being replicated; None if it is to be replicated."""
    if name.startswith(_EXCLUDED):
        return "LF-EXCLUDED"
    if name in _QUEUES and not configuration.get("includeFoxxQueues", False):
        return "LF-FOXX-QUEUES"
    if name.startswith("_") and name not in _QUEUES and not configuration.get("includeSystem", True):
        return "LF-INCLUDE-SYSTEM"
    restricted = name in configuration.get("restrictCollections", ())
    kind = configuration.get("restrictType", "")
    if (kind == "include" and not restricted) or (kind == "exclude" and restricted):
        return "LF-CONVERGE"
    return None


def takes(name: str, configuration: Mapping[str, Any]) -> bool:
    """Whether a collection is certainly to be replicated: of queues in a database without its system
    collections the documents leave it open.
    """
    open_to_dispute = name in _QUEUES and not configuration.get("includeSystem", True)
    return barrier(name, configuration) is None and not open_to_dispute
