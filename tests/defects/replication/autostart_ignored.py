"""A restarted follower does not start its applier although autoStart is set."""

from __future__ import annotations

from reference.replication import Replication
from tests.defects.defect import Defect


async def _start(self: Replication, *, auto_start: bool = True) -> None:
    for database in self._engine.databases():
        await self.applier(database)


DEFECT = Defect(
    id="autostart-ignored",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication:Replication.start",
    replacement=_start,
    oracle="client",
    faults=("kill",),
    workloads=("leader_follower", "set"),
    mirrors="https://github.com/arangodb/arangodb/issues/1557",
)
