"""autoResyncRetries is ignored: an applier that cannot go on resyncs for ever."""

from __future__ import annotations

from reference.errors import ArangoError
from reference.replication.applier import NO_START_TICK, START_TICK_NOT_PRESENT, Applier
from reference.replication.polling import retry_pause_s
from tests.defects.defect import Defect


async def _resync_after(self: Applier, error: ArangoError, resyncs: int) -> int:
    configuration = self.configuration
    if error.number not in (NO_START_TICK, START_TICK_NOT_PRESENT) or not configuration.auto_resync:
        raise error
    while True:
        resyncs += 1
        self._fail(error)
        try:
            await self._resync()
        except ArangoError as failed:
            error = failed
            await self._world.clock.sleep(retry_pause_s(configuration))
        else:
            return resyncs


DEFECT = Defect(
    id="resync-without-bound",
    clause="LF-RESYNC-RETRIES",
    anomaly="too-many-resyncs",
    replaces="reference.replication.applier:Applier._resync_after",
    replacement=_resync_after,
    oracle="http",
    needs=("a sync that fails again and again",),
    mirrors="https://github.com/arangodb/arangodb/issues/5430",
)
