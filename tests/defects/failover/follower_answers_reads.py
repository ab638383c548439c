"""A follower answers reads that did not allow it."""

from __future__ import annotations

from reference.failover.gate import Gate
from reference.world import Request
from tests.defects.defect import Defect

_check_rightly = Gate._check


def _check(self: Gate, request: Request, path: str, *, is_open: bool) -> None:
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        _check_rightly(self, request, path, is_open=is_open)


DEFECT = Defect(
    id="follower-answers-reads",
    clause="AF-READ-DENIED",
    anomaly="undenied-read",
    replaces="reference.failover.gate:Gate._check",
    replacement=_check,
    oracle="client",
    topology="active-failover",
    workloads=("redirects",),
    number="F02",
)
