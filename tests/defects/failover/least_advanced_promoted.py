"""Of several followers the one that has least is promoted."""

from __future__ import annotations

from reference.agency.supervision import Round
from reference.failover.job import ActiveFailover
from tests.defects.defect import Defect

_candidates_rightly = ActiveFailover._candidates


def _candidates(self: ActiveFailover, this: Round, leader: str, predecessor: str) -> list[tuple[int, str]]:
    return _candidates_rightly(self, this, leader, predecessor)[::-1]


DEFECT = Defect(
    id="least-advanced-promoted",
    clause="AF-ASYNC-LOSS",
    anomaly="lost-though-shipped",
    replaces="reference.failover.job:ActiveFailover._candidates",
    replacement=_candidates,
    oracle="http",
    topology="active-failover",
    faults=(
        "kill",
        "partition",
    ),
    mirrors="https://github.com/arangodb/arangodb/issues/6136",
    number="F08",
)
