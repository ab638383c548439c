"""Takes the snapshot's term for the current one."""

from __future__ import annotations

from reference.raft.messages import SnapshotRequest
from reference.raft.raft import Raft
from tests.defects.defect import Defect

_on_snapshot_rightly = Raft._on_snapshot_request


def _snapshot_lowers_term(self: Raft, request: SnapshotRequest) -> None:
    _on_snapshot_rightly(self, request)
    self.term = request.snapshot.term


DEFECT = Defect(
    id="snapshot-lowers-term",
    clause="CL-AGENCY-RAFT",
    anomaly="stale-read",
    replaces="reference.raft.raft:Raft._on_snapshot_request",
    replacement=_snapshot_lowers_term,
    oracle="client",
    topology="active-failover",
    faults=(
        "partition",
        "kill",
    ),
    workloads=("agency_register",),
    mirrors="WRaft#118.4",
    number="R19",
)
