"""What only an old leader has is overwritten, and kept nowhere."""

from __future__ import annotations

from reference.failover.member import Member
from reference.failover.takeover import Identity
from tests.defects.defect import Defect


async def _before_sync(self: Member) -> None:
    await self._keep(Identity(self.id, None, is_copy=True))


DEFECT = Defect(
    id="tail-not-set-aside",
    clause="AF-REJOIN",
    anomaly="dropped-silently",
    replaces="reference.failover.member:Member._before_sync",
    replacement=_before_sync,
    oracle="http",
    topology="active-failover",
    faults=(
        "kill",
        "partition",
    ),
)
