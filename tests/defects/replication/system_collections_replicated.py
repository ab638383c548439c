"""includeSystem=false is ignored."""

from __future__ import annotations

from reference.replication.scope import QUEUES, Wanted, never_leaves
from tests.defects.defect import Defect


def _contains(self: Wanted, name: str) -> bool:
    if never_leaves(name) or (self.collection and name != self.collection):
        return False
    return self.include_foxx_queues if name in QUEUES else True


DEFECT = Defect(
    id="system-collections-replicated",
    clause="LF-INCLUDE-SYSTEM",
    anomaly="leaked-collection",
    replaces="reference.replication.scope:Wanted.__contains__",
    replacement=_contains,
    oracle="http",
    needs=("system collections with something in them",),
)
