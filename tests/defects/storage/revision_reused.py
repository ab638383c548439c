"""The bound above all revisions is kept in memory only: after a power loss they are given out again."""

from __future__ import annotations

from reference.storage.revision import HybridClock
from tests.defects.defect import Defect


async def _move_bound(self: HybridClock, bound: int) -> None:
    self._bound = max(self._bound, bound)


DEFECT = Defect(
    id="revision-reused",
    clause="S-REVISION",
    anomaly="reused-revision",
    replaces="reference.storage.revision:HybridClock._move_bound",
    replacement=_move_bound,
    oracle="http",
    topology="single",
    faults=("clock", "power"),
    needs=("a clock that was set back, and a power loss that takes the newest record",),
    mirrors="hybrid clocks that forget themselves in a restart (Kulkarni et al. 2014, section 5)",
)
