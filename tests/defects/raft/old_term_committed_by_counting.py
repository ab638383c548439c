"""Commits entries of earlier terms by counting."""

from __future__ import annotations

from reference.raft.leadership import Leadership
from tests.defects.defect import Defect


def _committable_of_any_term(self: Leadership) -> int:
    stored = [self._log.last_index, *(follower.match for follower in self._followers.values())]
    return sorted(stored, reverse=True)[self._quorum - 1]


DEFECT = Defect(
    id="old-term-committed-by-counting",
    clause="CL-AGENCY-RAFT",
    anomaly="non-linearizable",
    replaces="reference.raft.leadership:Leadership._committable",
    replacement=_committable_of_any_term,
    oracle="client",
    topology="active-failover",
    faults=(
        "kill",
        "partition",
    ),
    workloads=("agency_register",),
    mirrors="PySyncObj#169, logcabin#44",
    number="R07",
)
