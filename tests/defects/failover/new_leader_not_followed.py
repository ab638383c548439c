"""A server follows the first leader that it hears of, and no other."""

from __future__ import annotations

from reference.replication.configuration import ApplierConfiguration
from reference.replication.global_applier import GlobalApplier
from tests.defects.defect import Defect

_follow_rightly = GlobalApplier.follow


async def _follow(self: GlobalApplier, configuration: ApplierConfiguration) -> None:
    if not self.configuration.endpoint:
        await _follow_rightly(self, configuration)


DEFECT = Defect(
    id="new-leader-not-followed",
    clause="AF-AUTO-REPLICATION",
    anomaly="divergence",
    replaces="reference.replication.global_applier:GlobalApplier.follow",
    replacement=_follow,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("failover_loss",),
)
