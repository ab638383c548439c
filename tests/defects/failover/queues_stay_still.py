"""A server that has followed another does not execute jobs when it leads."""

from __future__ import annotations

from reference.failover.member import Member, Seen
from tests.defects.defect import Defect

_lead_rightly = Member._lead


async def _lead(self: Member, seen: Seen) -> None:
    has_followed = self._identity.is_copy
    await _lead_rightly(self, seen)
    if has_followed:
        await self._queues.stop()


DEFECT = Defect(
    id="queues-stay-still",
    clause="AF-QUEUES",
    anomaly="job-not-run",
    replaces="reference.failover.member:Member._lead",
    replacement=_lead,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("drivers",),
)
