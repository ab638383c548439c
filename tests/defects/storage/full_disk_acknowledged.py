"""A write for which the disk has no room is cleaned away, and then acknowledged."""

from __future__ import annotations

from reference.storage.log import Log
from reference.storage.segment import Segment
from tests.defects.defect import Defect


def _write(self: Log, segment: Segment, data: bytes) -> None:
    size = segment.file.size
    try:
        segment.file.append(data)
    except OSError as error:
        self._undo(segment, size, error)
    if not self._unsynced or self._unsynced[-1] is not segment:
        self._unsynced.append(segment)


DEFECT = Defect(
    id="full-disk-acknowledged",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.log:Log._write",
    replacement=_write,
    oracle="client",
    topology="single",
    faults=("disk", "kill"),
    workloads=("set", "register", "leader_follower"),
    needs=("the server is killed while the disk is full; later it refuses its own log",),
)
