"""A follower whose leader does not answer takes itself for its own leader."""

from __future__ import annotations

from typing import Any

from reference.replication.applier import Applier
from tests.defects.defect import Defect

_AFTER = 3
_shown_rightly = Applier.shown


def _shown(self: Applier) -> dict[str, Any]:
    shown = _shown_rightly(self)
    if self.state.failed_connects >= _AFTER:
        shown.pop("endpoint", None)
    return shown


DEFECT = Defect(
    id="follower-leaves-leader",
    clause="LF-NO-FAILOVER",
    anomaly="unasked-promotion",
    replaces="reference.replication.applier:Applier.shown",
    replacement=_shown,
    oracle="client",
    faults=("kill",),
    workloads=("leader_follower",),
)
