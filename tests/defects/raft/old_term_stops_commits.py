"""Looks for entries to commit one by one, and ends at the first of an earlier term."""

from __future__ import annotations

from reference.raft.leadership import Leadership
from tests.defects.defect import Defect


def _scan_stops_at_old_term(self: Leadership) -> int:
    best = 0
    for index in range(self._log.commit_index + 1, self._log.last_index + 1):
        stored = 1 + sum(follower.match >= index for follower in self._followers.values())
        if self._log.term(index) != self._term or stored < self._quorum:
            break
        best = index
    return best


DEFECT = Defect(
    id="old-term-stops-commits",
    clause="CL-AGENCY-RAFT",
    anomaly="no-progress",
    replaces="reference.raft.leadership:Leadership._committable",
    replacement=_scan_stops_at_old_term,
    oracle="http",
    topology="active-failover",
    faults=("kill",),
    mirrors="RaftOS#30",
    number="R18",
)
