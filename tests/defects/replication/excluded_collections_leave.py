"""Collections that must never leave the leader do."""

from __future__ import annotations

from reference.replication import scope
from tests.defects.defect import Defect


def _never_leaves(name: str) -> bool:
    return name.startswith(scope._STATISTICS)


DEFECT = Defect(
    id="excluded-collections-leave",
    clause="LF-EXCLUDED",
    anomaly="leaked-collection",
    replaces="reference.replication.scope:never_leaves",
    replacement=_never_leaves,
    oracle="http",
    needs=("_apps or another excluded collection with something in it",),
)
