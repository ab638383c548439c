"""Whoever has seen no leader names itself, also when somebody else was faster."""

from __future__ import annotations

from reference.failover import keys
from reference.failover.gate import Role
from reference.failover.member import Member
from tests.defects.defect import Defect


async def _campaign(self: Member) -> bool:
    self.gate.become(Role.UNKNOWN)
    if self._is_incomplete(await self.applier.saved()):
        return False
    return await self._write({keys.LEADER: {"op": "set", "new": self.id}, keys.LEASE: self._record()}, {})


DEFECT = Defect(
    id="race-without-lock",
    clause="AF-ELECTION",
    anomaly="stolen-leadership",
    replaces="reference.failover.member:Member._campaign",
    replacement=_campaign,
    oracle="http",
    topology="active-failover",
    faults=("slow",),
)
