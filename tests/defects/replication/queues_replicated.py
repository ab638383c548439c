"""_jobs and _queues are replicated without includeFoxxQueues."""

from __future__ import annotations

from reference.replication.scope import Wanted, never_leaves
from tests.defects.defect import Defect


def _contains(self: Wanted, name: str) -> bool:
    if never_leaves(name) or (self.collection and name != self.collection):
        return False
    return self.include_system or not name.startswith("_")


DEFECT = Defect(
    id="queues-replicated",
    clause="LF-FOXX-QUEUES",
    anomaly="leaked-collection",
    replaces="reference.replication.scope:Wanted.__contains__",
    replacement=_contains,
    oracle="http",
    needs=("queues with something in them",),
)
