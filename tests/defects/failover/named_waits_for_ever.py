"""A server that is named after a failover waits for a lease that is its own."""

from __future__ import annotations

from reference.failover.member import Member, Seen
from tests.defects.defect import Defect

_lead_rightly = Member._lead


async def _lead(self: Member, seen: Seen) -> None:
    if not self._identity.is_copy:
        await _lead_rightly(self, seen)


DEFECT = Defect(
    id="named-waits-for-ever",
    clause="AF-ELECTION",
    anomaly="none-for-long",
    replaces="reference.failover.member:Member._lead",
    replacement=_lead,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("leadership",),
)
