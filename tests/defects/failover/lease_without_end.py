"""A leader that the agency has confirmed once goes on, whatever becomes of its lease."""

from __future__ import annotations

from reference.failover.lease import Lease
from tests.defects.defect import Defect


def _is_valid(self: Lease) -> bool:
    return self._ends_ns is not None


DEFECT = Defect(
    id="lease-without-end",
    clause="AF-ONE-LEADER",
    anomaly="two-leaders",
    replaces="reference.failover.lease:Lease.is_valid",
    replacement=property(_is_valid),
    oracle="client",
    topology="active-failover",
    faults=("isolation",),
    workloads=("leadership",),
    mirrors="arangod before 3.9.12, which has no lease",
    number="F06",
)
