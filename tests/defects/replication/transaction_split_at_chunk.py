"""What has come of a transaction is applied when a chunk of the log ends in its midst."""

from __future__ import annotations

from collections.abc import Iterable

from reference.replication.application import Application
from reference.replication.entries import Entry
from tests.defects.defect import Defect

_apply_rightly = Application.apply


async def _apply(self: Application, entries: Iterable[Entry]) -> None:
    await _apply_rightly(self, entries)
    for part in self._open.values():
        come, part.entries = part.entries, []
        if come:
            await self._write(come, self._applied_tick)


DEFECT = Defect(
    id="transaction-split-at-chunk",
    clause="LF-STOP",
    anomaly="half-transaction",
    replaces="reference.replication.application:Application.apply",
    replacement=_apply,
    oracle="client",
    workloads=("leader_follower",),
    needs=("a chunkSize smaller than a transaction",),
    mirrors="https://github.com/arangodb/arangodb/pull/12654 (commits early on the follower)",
)
