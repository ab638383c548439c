"""Removes the first entry behind the snapshot with those before it."""

from __future__ import annotations

from reference.raft.durable import _Folding
from tests.defects.defect import Defect


def _forget_too_much(self: _Folding, index: int) -> None:
    if self.entries and index > self.entries[0].index:
        del self.entries[: index + 1 - self.entries[0].index]


DEFECT = Defect(
    id="hole-after-compaction",
    clause="CL-AGENCY-RAFT",
    anomaly="no-progress",
    replaces="reference.raft.durable:_Folding._forget_below",
    replacement=_forget_too_much,
    oracle="http",
    topology="active-failover",
    faults=("kill",),
    mirrors="arangodb#3423",
    number="R22",
)
