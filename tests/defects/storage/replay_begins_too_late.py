"""Recovery skips the first unit after the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from reference.storage.log import Log
from reference.storage.record import Record
from reference.storage.recovery import Apply
from reference.storage.settings import StorageOptions
from reference.world import World
from tests.defects.defect import Defect

_open_rightly = Log.open.__func__  # type: ignore[attr-defined]  # a class method's function


async def _open(
    cls: type[Log], world: World, options: StorageOptions, start_tick: int, apply: Apply
) -> tuple[Log, tuple[str, ...]]:
    def apply_later(unit: Sequence[Record]) -> None:
        if start_tick == 0 or unit[0].tick > start_tick + 1:
            apply(unit)

    opened: tuple[Log, tuple[str, ...]] = await _open_rightly(cls, world, options, start_tick, apply_later)
    return opened


DEFECT = Defect(
    id="replay-begins-too-late",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.log:Log.open",
    replacement=classmethod(_open),
    oracle="client",
    topology="single",
    faults=("kill",),
    workloads=("set", "register", "leader_follower"),
    needs=("a checkpoint (PUT /_admin/wal/flush), a write, then a restart",),
    mirrors="https://github.com/arangodb/arangodb/pull/3423 (holes in a log after compaction)",
)
