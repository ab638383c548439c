"""An old leader that comes back goes on from the newest tick of the new one, and drops nothing."""

from __future__ import annotations

import msgspec

from reference.failover.member import Member, Seen
from reference.failover.takeover import Identity
from reference.replication.state import SavedState
from reference.world import Request
from tests.defects.defect import Defect

_follow_rightly = Member._follow


async def _follow(self: Member, seen: Seen) -> None:
    leader = seen.registered.get(seen.leader)
    if self._identity.led_from is not None and leader is not None and seen.foxxmaster == seen.leader:
        request = Request("GET", "/_api/wal/lastTick", {}, b"")
        network = self._engine.world.network
        answer = await network.request(leader["endpoint"], request, timeout_s=1.0)
        newest = int(msgspec.json.decode(answer.body)["tick"])
        await self.applier._memory.save_all(SavedState(str(leader["serverId"]), newest, newest))
        await self._keep(Identity(self.id, None, is_copy=True))
    await _follow_rightly(self, seen)


DEFECT = Defect(
    id="diverged-tail-kept",
    clause="AF-REJOIN",
    anomaly="divergence",
    replaces="reference.failover.member:Member._follow",
    replacement=_follow,
    oracle="client",
    topology="active-failover",
    faults=(
        "kill",
        "partition",
    ),
    workloads=("failover_loss",),
    number="F07",
)
