"""Half of the members is taken for a majority."""

from __future__ import annotations

from reference.raft.raft import Raft
from tests.defects.defect import Defect


def _half(self: Raft) -> int:
    return len(self.members) // 2


DEFECT = Defect(
    id="half-is-a-majority",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._quorum",
    replacement=_half,
    oracle="client",
    topology="active-failover",
    faults=("partition",),
    workloads=("agency_register",),
    number="R16",
)
