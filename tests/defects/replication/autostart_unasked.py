"""A restarted follower starts whatever applier is configured, autoStart or not."""

from __future__ import annotations

from reference.replication import Replication
from tests.defects.defect import Defect


async def _start(self: Replication, *, auto_start: bool = True) -> None:
    for database in self._engine.databases():
        applier = await self.applier(database)
        if applier.configuration.endpoint:
            await applier.start()


DEFECT = Defect(
    id="autostart-unasked",
    clause="LF-AUTOSTART-OFF",
    anomaly="started-unasked",
    replaces="reference.replication:Replication.start",
    replacement=_start,
    oracle="http",
    faults=("kill",),
    needs=("a configuration without autoStart",),
)
