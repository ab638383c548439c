"""The applier's position is made durable a moment before the data that it speaks about."""

from __future__ import annotations

from reference.replication.application import Application, _Counted
from reference.replication.entries import Entry
from tests.defects.defect import Defect

_MOMENT_S = 0.05
_write_rightly = Application._write_once


async def _write_once(self: Application, entries: list[Entry], tick: int, closing: int) -> _Counted:
    await self._memory.save(self._after(tick, closing))
    await self._engine.log.sync()
    await self._clock.sleep(_MOMENT_S)
    return await _write_rightly(self, entries, tick, closing)


DEFECT = Defect(
    id="position-before-data",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.application:Application._write_once",
    replacement=_write_once,
    oracle="client",
    faults=("kill", "power"),
    workloads=("leader_follower", "set"),
    mirrors="https://github.com/arangodb/arangodb/pull/15974 (BTS-829: resumes ahead of the data)",
)
