"""The log is pruned although a follower has asked for it: after a sync its start tick is gone."""

from __future__ import annotations

from collections.abc import Sequence

from reference.storage.retention import Retention
from reference.storage.segment import Segment
from tests.defects.defect import Defect


def _removable(self: Retention, segments: Sequence[Segment], checkpoint_tick: int) -> int:
    now = self._clock.monotonic_ns()
    if now - self._started_ns < self._options.wal_file_timeout_initial_s * 1e9:
        return 0
    old = [
        segment.closed_ns is not None
        and segment.last_tick <= checkpoint_tick
        and now - segment.closed_ns >= self._options.wal_file_timeout_s * 1e9
        for segment in segments
    ]
    return old.index(False) if False in old else len(old)


DEFECT = Defect(
    id="pinned-log-pruned",
    clause="LF-SYNC-TICK",
    anomaly="start-tick-gone",
    replaces="reference.storage.retention:Retention.removable",
    replacement=_removable,
    oracle="http",
    needs=("log files that are removed early, and a flush; a follower with autoResync recovers from it",),
    mirrors="https://github.com/arangodb/arangodb/pull/15086",
)
