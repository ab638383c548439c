"""autoResync is ignored: an applier whose start tick is gone stays stopped."""

from __future__ import annotations

from reference.errors import ArangoError
from reference.replication.applier import Applier
from tests.defects.defect import Defect


async def _resync_after(self: Applier, error: ArangoError, resyncs: int) -> int:
    raise error


DEFECT = Defect(
    id="auto-resync-ignored",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.applier:Applier._resync_after",
    replacement=_resync_after,
    oracle="client",
    faults=("kill",),
    workloads=("leader_follower", "set"),
    needs=("a log that is pruned early, and a flush, while the follower is gone and its leader restarts",),
    mirrors="https://github.com/arangodb/arangodb/issues/15330",
)
