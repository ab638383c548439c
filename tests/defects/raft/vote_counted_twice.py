"""Counts a repeated answer as another vote."""

from __future__ import annotations

from reference.raft.messages import VoteReply
from reference.raft.raft import Raft
from tests.defects.defect import Defect


def _count_vote_twice(self: Raft, reply: VoteReply) -> None:
    asked = self.term + 1 if self.role == "pre-candidate" else self.term
    role = "pre-candidate" if reply.pre else "candidate"
    if self.role == role and reply.granted and reply.term == asked:
        self._granted[f"{reply.sender} {len(self._granted)}"] = True
        self._count_votes()


DEFECT = Defect(
    id="vote-counted-twice",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._on_vote_reply",
    replacement=_count_vote_twice,
    oracle="client",
    topology="active-failover",
    faults=("partition",),
    workloads=("agency_register",),
    number="R15",
)
