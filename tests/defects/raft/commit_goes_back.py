"""Believes an old message about the commit index."""

from __future__ import annotations

from reference.raft.raft import Raft
from tests.defects.defect import Defect


def _commit_goes_back(self: Raft, leader_commit: int, agreed: int) -> None:
    self.log.commit_index = min(leader_commit, agreed)


DEFECT = Defect(
    id="commit-goes-back",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._commit",
    replacement=_commit_goes_back,
    oracle="client",
    topology="active-failover",
    faults=("partition",),
    workloads=("agency_register",),
    mirrors="PySyncObj#166",
    number="R09",
)
