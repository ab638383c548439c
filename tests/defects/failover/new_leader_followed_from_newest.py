"""A follower that had followed another leader takes the newest tick of the new one for its own."""

from __future__ import annotations

from weakref import WeakSet

from reference.replication.configuration import ApplierConfiguration
from reference.replication.global_applier import GlobalApplier
from reference.replication.global_sync import GLOBAL_SYNCER
from reference.replication.handshake import greet
from reference.replication.leader import Leader
from reference.replication.state import SavedState
from tests.defects.defect import Defect

_sync_rightly = GlobalApplier._sync
_have_synced = WeakSet[GlobalApplier]()


async def _sync(self: GlobalApplier, configuration: ApplierConfiguration) -> SavedState:
    if self not in _have_synced:
        saved = await _sync_rightly(self, configuration)
        _have_synced.add(self)
        return saved
    leader = Leader(self._engine.world.network, configuration, self._engine.server_id, GLOBAL_SYNCER)
    leader_id = await greet(leader)
    newest = int((await leader.json("/_api/wal/lastTick"))["tick"])
    saved = SavedState(leader_id, newest, newest)
    async with self._applying:
        await self._memory.save_all(saved)
    return saved


DEFECT = Defect(
    id="new-leader-followed-from-newest",
    clause="AF-ASYNC-LOSS",
    anomaly="lost-outside-window",
    replaces="reference.replication.global_applier:GlobalApplier._sync",
    replacement=_sync,
    oracle="client",
    topology="active-failover",
    faults=(
        "kill",
        "pause",
    ),
    workloads=("failover_loss",),
)
