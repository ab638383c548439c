"""Compares no terms."""

from __future__ import annotations

from reference.raft.log import Log
from tests.defects.defect import Defect


def _matches_if_long_enough(self: Log, prev_index: int, _prev_term: int) -> bool:
    return prev_index <= self.last_index


DEFECT = Defect(
    id="previous-entry-not-compared",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.log:Log._matches",
    replacement=_matches_if_long_enough,
    oracle="client",
    topology="active-failover",
    faults=(
        "partition",
        "kill",
    ),
    workloads=("agency_register",),
    number="R12",
)
