"""Overwrites what conflicts, and leaves what comes behind it."""

from __future__ import annotations

from collections.abc import Sequence

from reference.raft.durable import Entry
from reference.raft.log import Log
from tests.defects.defect import Defect


def _replace_without_cut(self: Log, index: int, entries: Sequence[Entry]) -> None:
    position = index - self._base_index - 1
    self._entries[position : position + len(entries)] = entries
    self._changed_from = min(self._changed_from, index)


DEFECT = Defect(
    id="conflicting-suffix-kept",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.log:Log._replace_from",
    replacement=_replace_without_cut,
    oracle="client",
    topology="active-failover",
    faults=("partition",),
    workloads=("agency_register",),
    number="R10",
)
