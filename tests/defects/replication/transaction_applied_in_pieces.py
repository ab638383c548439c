"""A follower applies a transaction document by document."""

from __future__ import annotations

from reference.replication.application import Application, _Counted
from reference.replication.entries import Entry
from tests.defects.defect import Defect

_PAUSE_S = 0.005
_write_rightly = Application._write_once


async def _write_once(self: Application, entries: list[Entry], tick: int, closing: int) -> _Counted:
    for entry in entries[:-1]:
        await _write_rightly(self, [entry], self._applied_tick, 0)
        await self._clock.sleep(_PAUSE_S)
    return await _write_rightly(self, entries[-1:], tick, closing)


DEFECT = Defect(
    id="transaction-applied-in-pieces",
    clause="LF-STOP",
    anomaly="half-transaction",
    replaces="reference.replication.application:Application._write_once",
    replacement=_write_once,
    oracle="client",
    workloads=("leader_follower",),
    mirrors="https://github.com/arangodb/arangodb/pull/12963 (part of a transaction on the follower)",
)
