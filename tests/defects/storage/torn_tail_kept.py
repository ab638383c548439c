"""Recovery passes over a torn tail and leaves it in the file, so that the next records stand behind it."""

from __future__ import annotations

from collections.abc import Sequence

from reference.storage.recovery import _Gap
from reference.storage.segment import Segment
from reference.world import Disk
from tests.defects.defect import Defect


async def _repair(
    disk: Disk, names: Sequence[str], segments: list[Segment], gap: _Gap, start_tick: int
) -> tuple[str, ...]:
    return (f"passed over a torn tail: {gap.where}",)


DEFECT = Defect(
    id="torn-tail-kept",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.recovery:_repair",
    replacement=_repair,
    oracle="client",
    topology="single",
    faults=("power", "kill"),
    workloads=("set", "register", "leader_follower"),
    needs=("a kill a moment after the first write behind a torn tail; later it refuses its own log",),
    mirrors="LazyFS, VLDB 2024: torn operations in seven systems",
)
