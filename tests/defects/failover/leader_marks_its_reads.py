"""The leader says of its own answers that they may be dirty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reference.failover.gate import MARK, Gate
from reference.world import Request, Response
from tests.defects.defect import Defect

_as_leader_rightly = Gate._as_leader


async def _as_leader(
    self: Gate, request: Request, work: Callable[[], Awaitable[Response]], *, is_open: bool
) -> Response:
    response = await _as_leader_rightly(self, request, work, is_open=is_open)
    return Response(response.status, {**response.headers, MARK: "true"}, response.body)


DEFECT = Defect(
    id="leader-marks-its-reads",
    clause="AF-DIRTY-MARK",
    anomaly="marked-leader-read",
    replaces="reference.failover.gate:Gate._as_leader",
    replacement=_as_leader,
    oracle="client",
    topology="active-failover",
    workloads=("redirects",),
)
