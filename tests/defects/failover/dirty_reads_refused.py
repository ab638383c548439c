"""A follower refuses all reads, whatever they allow."""

from __future__ import annotations

from reference.failover.gate import Gate
from reference.world import Request
from tests.defects.defect import Defect


def _check(self: Gate, request: Request, path: str, *, is_open: bool) -> None:
    if not is_open:
        raise self._not_a_leader()


DEFECT = Defect(
    id="dirty-reads-refused",
    clause="AF-DIRTY-READ",
    anomaly="dirty-read-refused",
    replaces="reference.failover.gate:Gate._check",
    replacement=_check,
    oracle="client",
    topology="active-failover",
    workloads=("redirects",),
)
