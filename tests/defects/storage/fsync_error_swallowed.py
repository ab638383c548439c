"""An fsync that fails is taken for one that succeeded."""

from __future__ import annotations

from reference.storage.log import Log
from tests.defects.defect import Defect


def _fail(self: Log, reason: str) -> None:
    self._durable = max(self._durable, self._last)
    self._release()


DEFECT = Defect(
    id="fsync-error-swallowed",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.log:Log._fail",
    replacement=_fail,
    oracle="client",
    topology="single",
    faults=("disk", "power"),
    workloads=("set", "register", "leader_follower"),
    needs=("the disk fails while a sync is under way, and the power before the next one",),
    mirrors="https://wiki.postgresql.org/wiki/Fsync_Errors (fsyncgate, 2018)",
)
