"""A vote is not written down, only the term: a voter that is started again votes once more."""

from __future__ import annotations

from reference.raft.durable import HardState
from reference.raft.raft import Raft
from tests.defects.defect import Defect


def _vote_not_persisted(self: Raft) -> HardState | None:
    if self._told_hard_state.term == self.term:
        return None
    self._told_hard_state = HardState(self.term, None)
    return self._told_hard_state


DEFECT = Defect(
    id="vote-not-persisted",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._changed_hard_state",
    replacement=_vote_not_persisted,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("agency_register",),
    number="R04",
)
