"""Cuts behind `prev_index` although the entries are there: an old message removes newer entries."""

from __future__ import annotations

from collections.abc import Sequence

from reference.raft.durable import Entry
from reference.raft.log import Log
from tests.defects.defect import Defect


def _accept_always_cuts(self: Log, prev_index: int, prev_term: int, entries: Sequence[Entry]) -> int | None:
    if not self._matches(prev_index, prev_term):
        return None
    new = [entry for entry in entries if entry.index > self._base_index]
    if new:
        self._replace_from(new[0].index, new)
    return max(prev_index + len(entries), self._base_index)


DEFECT = Defect(
    id="late-entries-cut",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.log:Log.accept",
    replacement=_accept_always_cuts,
    oracle="client",
    topology="active-failover",
    faults=(
        "partition",
        "kill",
    ),
    workloads=("agency_register",),
    mirrors="RaftOS#26",
    number="R11",
)
