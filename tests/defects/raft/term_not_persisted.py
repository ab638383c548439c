"""A term is not written down, only the vote: whoever is started again uses old terms again."""

from __future__ import annotations

from reference.raft.durable import HardState
from reference.raft.raft import Raft
from tests.defects.defect import Defect


def _term_not_persisted(self: Raft) -> HardState | None:
    if self._told_hard_state.vote == self.vote:
        return None
    self._told_hard_state = HardState(self._told_hard_state.term, self.vote)
    return self._told_hard_state


DEFECT = Defect(
    id="term-not-persisted",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._changed_hard_state",
    replacement=_term_not_persisted,
    oracle="client",
    topology="active-failover",
    faults=(
        "kill",
        "partition",
    ),
    workloads=("agency_register",),
    number="R05",
)
