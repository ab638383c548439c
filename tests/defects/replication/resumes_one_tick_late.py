"""After a restart the applier resumes one tick too late: off by one."""

from __future__ import annotations

from reference.replication import Replication
from tests.defects.defect import Defect


async def _start(self: Replication, *, auto_start: bool = True) -> None:
    for database in self._engine.databases():
        applier = await self.applier(database)
        if auto_start and applier.configuration.auto_start:
            reached = applier.state.resume_tick
            await applier.start(None if reached is None else reached + 1)


DEFECT = Defect(
    id="resumes-one-tick-late",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication:Replication.start",
    replacement=_start,
    oracle="client",
    faults=("kill",),
    workloads=("leader_follower", "set"),
    mirrors="https://github.com/arangodb/arangodb/issues/7410 (off by one in the start tick)",
)
