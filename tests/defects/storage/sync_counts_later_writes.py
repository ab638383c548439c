"""What is written while an fsync is under way is taken for synced when that ends."""

from __future__ import annotations

from reference.storage.log import Log
from tests.defects.defect import Defect


async def _serve_waiters(self: Log) -> None:
    while self._waiters and self._failed is None:
        files, self._unsynced = self._unsynced, []
        try:
            for segment in files:
                await segment.file.sync()
        except OSError as error:
            self._fail(f"fsync of the log failed ({error})")
            break
        self._durable = max(self._durable, self._last)
        self._release()
    self._syncer = None


DEFECT = Defect(
    id="sync-counts-later-writes",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.log:Log._serve_waiters",
    replacement=_serve_waiters,
    oracle="client",
    topology="single",
    faults=("power",),
    workloads=("set", "register", "leader_follower"),
    needs=("a slow disk makes it likely",),
    mirrors="a race of group commits: the target is read after the fsync and not before",
)
