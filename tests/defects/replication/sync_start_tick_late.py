"""Tailing begins at the newest tick when the sync ends, not at the snapshot's: what came between is lost."""

from __future__ import annotations

from dataclasses import replace

from reference.replication.initial_sync import InitialSync, SyncResult
from tests.defects.defect import Defect

_run_rightly = InitialSync.run


async def _run(self: InitialSync) -> SyncResult:
    result = await _run_rightly(self)
    newest = await self._leader.json("/_api/wal/lastTick")
    return replace(result, last_log_tick=int(newest["tick"]))


DEFECT = Defect(
    id="sync-start-tick-late",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.initial_sync:InitialSync.run",
    replacement=_run,
    oracle="client",
    workloads=("leader_follower", "set"),
    needs=("an initial sync or a resync under load",),
    mirrors="https://github.com/arangodb/arangodb/issues/7410",
)
