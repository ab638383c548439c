"""Votes for a candidate that lacks committed entries."""

from __future__ import annotations

from reference.raft.messages import VoteRequest
from reference.raft.raft import Raft
from tests.defects.defect import Defect


def _anybody_is_up_to_date(_self: Raft, _request: VoteRequest) -> bool:
    return True


DEFECT = Defect(
    id="vote-for-an-old-log",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._is_up_to_date",
    replacement=_anybody_is_up_to_date,
    oracle="client",
    topology="active-failover",
    faults=(
        "partition",
        "kill",
    ),
    workloads=("agency_register",),
    number="R13",
)
