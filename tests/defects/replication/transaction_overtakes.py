"""A transaction is applied before the single writes that stand before it in the log."""

from __future__ import annotations

from reference.replication.application import Application
from reference.replication.entries import Entry
from tests.defects.defect import Defect

_COMMIT_S = 0.05


async def _commit(self: Application, entry: Entry) -> None:
    part = self._part(entry)
    if entry.tick > self._applied_tick:
        await self._write(part.entries, entry.tick, closing=entry.tid)
        await self._clock.sleep(_COMMIT_S)
    self._open.pop(entry.tid, None)


DEFECT = Defect(
    id="transaction-overtakes",
    clause="LF-ORDER",
    anomaly="order-violation",
    replaces="reference.replication.application:Application._commit",
    replacement=_commit,
    oracle="client",
    workloads=("leader_follower",),
    mirrors="https://github.com/arangodb/arangodb/pull/13507 (applied in another order than committed)",
)
