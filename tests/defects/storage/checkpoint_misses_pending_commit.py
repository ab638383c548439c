"""A snapshot does not wait for the commits of its own ticks that are still on their way to the disk."""

from __future__ import annotations

from reference.storage.engine import Engine
from reference.storage.snapshot import Snapshot
from tests.defects.defect import Defect


async def _snapshot(self: Engine) -> Snapshot:
    return Snapshot(self._catalog, self.log.last_tick)


DEFECT = Defect(
    id="checkpoint-misses-pending-commit",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.engine:Engine.snapshot",
    replacement=_snapshot,
    oracle="client",
    topology="single",
    faults=("kill",),
    workloads=("set", "register", "leader_follower"),
    needs=("a checkpoint (PUT /_admin/wal/flush) while writes are under way, then a restart",),
    mirrors="https://github.com/arangodb/arangodb/pull/15086 (between snapshot and log)",
)
