"""A resync does not forget the old tick before it drops data: a crash in between resumes from half a copy."""

from __future__ import annotations

from reference.replication.applier import Applier
from tests.defects.defect import Defect


async def _forget_tick(self: Applier) -> None:
    self._show(None)


DEFECT = Defect(
    id="half-sync-resumed",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.applier:Applier._forget_tick",
    replacement=_forget_tick,
    oracle="http",
    faults=("kill",),
    needs=("PUT /_api/replication/sync on a follower that has data and autoStart, and a kill meanwhile",),
    mirrors="https://github.com/arangodb/arangodb/issues/8389 (no mark that the initial sync is complete)",
)
