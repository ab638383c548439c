"""An idle applier pauses longer and longer, whatever idleMaxWaitTime says."""

from __future__ import annotations

from reference.replication.configuration import ApplierConfiguration
from tests.defects.defect import Defect


def _idle_pause_s(configuration: ApplierConfiguration, idle_rounds: int) -> float:
    return configuration.idle_min_wait_time * 2.0**idle_rounds


DEFECT = Defect(
    id="idle-pause-unbounded",
    clause="LF-POLLING",
    anomaly="paused-too-long",
    replaces="reference.replication.polling:idle_pause_s",
    replacement=_idle_pause_s,
    oracle="http",
    needs=("a leader that is idle for a while",),
)
