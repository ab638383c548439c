"""The stored position lags behind the data, so that a restarted applier brings back what was before."""

from __future__ import annotations

from reference.replication.application import Application
from reference.replication.state import SavedState
from tests.defects.defect import Defect

_BEHIND = 16
_after_rightly = Application._after


def _after(self: Application, tick: int, closing: int) -> SavedState:
    right = _after_rightly(self, tick, closing)
    behind = max(0, right.resume_tick - _BEHIND)
    return SavedState(right.leader_id, behind, behind)


DEFECT = Defect(
    id="overlap-replayed",
    clause="LF-ORDER",
    anomaly="order-violation",
    replaces="reference.replication.application:Application._after",
    replacement=_after,
    oracle="client",
    faults=("kill", "partition"),
    workloads=("leader_follower",),
    needs=("a small chunkSize, or a server that is slow, makes it likely to be seen",),
    mirrors="https://github.com/arangodb/arangodb/issues/7410 (duplicates the last ticks)",
)
