"""The log is synced every two seconds at most, and writes are acknowledged as synced all the same."""

from __future__ import annotations

from reference.storage.log import Log
from tests.defects.defect import Defect

_EVERY_NS = 2_000_000_000


async def _serve_waiters(self: Log) -> None:
    while self._waiters and self._failed is None:
        now_ns = self._world.clock.monotonic_ns()
        if now_ns - vars(self).get("really_synced_ns", 0) > _EVERY_NS:
            vars(self)["really_synced_ns"] = now_ns
            files, self._unsynced = self._unsynced, []
            for segment in files:
                await segment.file.sync()
        self._durable = max(self._durable, self._last)
        self._release()
    self._syncer = None


DEFECT = Defect(
    id="missing-fsync",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.log:Log._serve_waiters",
    replacement=_serve_waiters,
    oracle="client",
    topology="single",
    faults=("power",),
    workloads=("set", "register", "leader_follower"),
    mirrors="https://jepsen.io/analyses/nats-2.12.1 (acknowledged messages are synced every two minutes)",
)
