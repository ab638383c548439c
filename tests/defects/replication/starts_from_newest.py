"""The applier starts at the leader's newest tick and not at its saved one."""

from __future__ import annotations

from reference.replication.applier import Applier
from reference.replication.leader import LeaderSilent
from reference.replication.state import SavedState
from tests.defects.defect import Defect

_start_state_rightly = Applier._start_state


async def _start_state(self: Applier, from_tick: int | None) -> SavedState:
    saved = await _start_state_rightly(self, from_tick)
    try:
        newest = await self._leader(self.configuration).json("/_api/wal/lastTick")
    except LeaderSilent:
        return saved
    return SavedState(saved.leader_id, int(newest["tick"]), int(newest["tick"]))


DEFECT = Defect(
    id="starts-from-newest",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.applier:Applier._start_state",
    replacement=_start_state,
    oracle="client",
    faults=("kill",),
    workloads=("leader_follower", "set"),
    mirrors="https://github.com/arangodb/arangodb/issues/5430",
)
