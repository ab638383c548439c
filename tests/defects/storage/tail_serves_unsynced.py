"""The log says that all is synced without syncing it: a follower gets what its leader can still lose."""

from __future__ import annotations

from reference.storage.log import Log
from tests.defects.defect import Defect


async def _sync(self: Log) -> int:
    self._durable = self._last
    return self._durable


DEFECT = Defect(
    id="tail-serves-unsynced",
    clause="LF-ORDER",
    anomaly="phantom-on-follower",
    replaces="reference.storage.log:Log.sync",
    replacement=_sync,
    oracle="http",
    faults=("power",),
    needs=("a collection without waitForSync",),
    mirrors="https://github.com/arangodb/arangodb/pull/17675 (replicated before it is committed here)",
)
