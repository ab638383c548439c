"""requireFromPresent is ignored: that the leader has pruned the start tick is passed over."""

from __future__ import annotations

from reference.replication.tailing import Tailing, _Answer
from tests.defects.defect import Defect


def _check_present(self: Tailing, answer: _Answer) -> None:
    self.has_progressed = True


DEFECT = Defect(
    id="gap-ignored",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.tailing:Tailing._check_present",
    replacement=_check_present,
    oracle="client",
    faults=("kill",),
    workloads=("leader_follower", "set"),
    needs=("a log that is pruned early, and a flush, while the follower is gone and its leader restarts",),
    mirrors="https://github.com/arangodb/arangodb/pull/4488",
)
