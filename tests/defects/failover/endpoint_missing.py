"""A refusal does not say who leads."""

from __future__ import annotations

from reference.failover.gate import ENDPOINT, Gate
from reference.world import Response
from tests.defects.defect import Defect

_marked_rightly = Gate._marked


def _marked(self: Gate, response: Response) -> Response:
    marked = _marked_rightly(self, response)
    headers = {name: value for name, value in marked.headers.items() if name != ENDPOINT}
    return Response(marked.status, headers, marked.body)


DEFECT = Defect(
    id="endpoint-missing",
    clause="AF-503-ENDPOINT",
    anomaly="missing-endpoint",
    replaces="reference.failover.gate:Gate._marked",
    replacement=_marked,
    oracle="client",
    topology="active-failover",
    workloads=("redirects",),
    mirrors="https://github.com/arangodb/python-arango/issues/150",
    number="F04",
)
