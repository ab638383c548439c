"""An answer of a follower does not say that it may be dirty."""

from __future__ import annotations

from reference.failover.gate import MARK, Gate
from reference.world import Response
from tests.defects.defect import Defect

_marked_rightly = Gate._marked


def _marked(self: Gate, response: Response) -> Response:
    marked = _marked_rightly(self, response)
    headers = {name: value for name, value in marked.headers.items() if name != MARK}
    return Response(marked.status, headers, marked.body)


DEFECT = Defect(
    id="dirty-mark-missing",
    clause="AF-DIRTY-MARK",
    anomaly="unmarked-dirty-read",
    replaces="reference.failover.gate:Gate._marked",
    replacement=_marked,
    oracle="client",
    topology="active-failover",
    workloads=("redirects",),
    mirrors="https://github.com/arangodb/arangodb/issues/16499",
    number="F03",
)
