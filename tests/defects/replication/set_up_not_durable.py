"""make-follower answers before its first tick is durable: a power loss leaves autoStart without a tick."""

from __future__ import annotations

from reference.replication.applier import Applier
from reference.replication.initial_sync import SyncResult
from reference.replication.state import SavedState
from tests.defects.defect import Defect


async def _keep(self: Applier, result: SyncResult) -> None:
    tick = result.last_log_tick
    await self._memory.save(SavedState(result.leader_id, tick, tick))


DEFECT = Defect(
    id="set-up-not-durable",
    clause="LF-AUTOSTART-ON",
    anomaly="not-resumed",
    replaces="reference.replication.applier:Applier._keep",
    replacement=_keep,
    oracle="http",
    faults=("power",),
    needs=("a power loss on the follower within a tenth of a second of its set-up; autoResync repairs it",),
    mirrors="this reference itself, until the crash points found it",
)
