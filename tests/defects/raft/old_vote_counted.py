"""Counts a vote that was given in an earlier term."""

from __future__ import annotations

from reference.raft.messages import Message, VoteReply
from reference.raft.raft import Raft
from tests.defects.defect import Defect

_show_term_rightly = Raft._show_term


def _count_stale_vote(self: Raft, message: Message) -> None:
    _show_term_rightly(self, message)
    if isinstance(message, VoteReply) and message.granted and self.role == "candidate":
        self._granted[message.sender] = True
        self._count_votes()


DEFECT = Defect(
    id="old-vote-counted",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._show_term",
    replacement=_count_stale_vote,
    oracle="client",
    topology="active-failover",
    faults=("partition",),
    workloads=("agency_register",),
    mirrors="Xraft#33",
    number="R14",
)
