"""Commits its own entries that the leader has not compared yet."""

from __future__ import annotations

from reference.raft.raft import Raft
from tests.defects.defect import Defect


def _commit_past_agreement(self: Raft, leader_commit: int, _agreed: int) -> None:
    self.log.commit_index = max(self.log.commit_index, min(leader_commit, self.log.last_index))


DEFECT = Defect(
    id="committed-past-agreement",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._commit",
    replacement=_commit_past_agreement,
    oracle="client",
    topology="active-failover",
    faults=("partition",),
    workloads=("agency_register",),
    mirrors="WRaft#118.2",
    number="R08",
)
