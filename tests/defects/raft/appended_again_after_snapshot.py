"""Compares positions, not indexes: what a snapshot covers already is appended once more."""

from __future__ import annotations

from collections.abc import Sequence

from reference.raft.durable import Entry
from reference.raft.log import Log
from tests.defects.defect import Defect


def _accept_twice(self: Log, prev_index: int, prev_term: int, entries: Sequence[Entry]) -> int | None:
    if not self._matches(prev_index, prev_term):
        return None
    if prev_index < self._base_index:
        for entry in entries:
            self.append(entry.term, entry.data)
        return self.last_index
    for position, entry in enumerate(entries):
        if self.term(entry.index) != entry.term:
            self._replace_from(entry.index, entries[position:])
            break
    return prev_index + len(entries)


DEFECT = Defect(
    id="appended-again-after-snapshot",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.log:Log.accept",
    replacement=_accept_twice,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("agency_register",),
    mirrors="WRaft#118.1",
    number="R20",
)
