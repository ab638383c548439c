"""Compacts what comes behind a snapshot that is still on its way."""

from __future__ import annotations

from reference.raft.leadership import Leadership
from tests.defects.defect import Defect


def _keeps_nothing(_self: Leadership, index: int) -> int:
    return index


DEFECT = Defect(
    id="snapshot-without-end",
    clause="CL-AGENCY-RAFT",
    anomaly="liveness",
    replaces="reference.raft.leadership:Leadership.keep_from",
    replacement=_keeps_nothing,
    oracle="internal",
    topology="active-failover",
    faults=("partition",),
    mirrors="hashicorp/raft#212",
    number="R21",
    equivalent=(
        "a late agent goes from snapshot to snapshot only while the others go on without it, so nobody waits "
        "for it. As soon as it is needed for a majority nothing is committed or applied, so nothing is "
        "compacted, and the snapshot that it then gets is the last: it catches up, and the agency goes on. "
        "No client's answer differs"
    ),
)
