"""As long as a follower is in its initial sync nobody is promoted, though the leader is gone."""

from __future__ import annotations

from reference.agency.supervision import Round, Status
from reference.failover import keys
from reference.failover.job import ActiveFailover
from tests.defects.defect import Defect

_candidates_rightly = ActiveFailover._candidates


def _candidates(self: ActiveFailover, this: Round, leader: str, predecessor: str) -> list[tuple[int, str]]:
    for server, position in this.get_transient(keys.POSITIONS, {}).items():
        is_well = server != leader and this.health.get(server) is Status.GOOD
        if is_well and position.get("leader") != predecessor:
            return []
    return _candidates_rightly(self, this, leader, predecessor)


DEFECT = Defect(
    id="sync-blocks-failover",
    clause="AF-FAILOVER",
    anomaly="no-failover",
    replaces="reference.failover.job:ActiveFailover._candidates",
    replacement=_candidates,
    oracle="http",
    topology="active-failover",
    faults=(
        "kill",
        "partition",
    ),
    mirrors="https://github.com/arangodb/arangodb/issues/14339",
    number="F09",
)
