"""A follower looks for the database before it says that it does not lead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reference.failover.gate import Gate, Role
from reference.world import Request, Response
from tests.defects.defect import Defect

_serve_rightly = Gate.serve


async def _serve(self: Gate, request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    if self.role is not Role.LEADER and request.method == "GET":
        response = await work()
        if response.status == 404 and b"1228" in response.body:
            return self._marked(response)
    return await _serve_rightly(self, request, work)


DEFECT = Defect(
    id="database-before-leader",
    clause="AF-503-ENDPOINT",
    anomaly="wrong-refusal",
    replaces="reference.failover.gate:Gate.serve",
    replacement=_serve,
    oracle="http",
    topology="active-failover",
    mirrors="https://github.com/arangodb/arangodb/issues/7338",
    number="F05",
)
