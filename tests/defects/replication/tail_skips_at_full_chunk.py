"""An answer that is full says that all of the log was looked at, so the follower asks on from too far."""

from __future__ import annotations

from reference.replication.tail import Tail
from tests.defects.defect import Defect

_headers_rightly = Tail.headers


def _headers(self: Tail) -> dict[str, str]:
    return {**_headers_rightly(self), "x-arango-replication-lastscanned": str(self.last_tick)}


DEFECT = Defect(
    id="tail-skips-at-full-chunk",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.tail:Tail.headers",
    replacement=_headers,
    oracle="client",
    workloads=("leader_follower", "set"),
    needs=("a chunkSize smaller than what comes between two polls",),
    mirrors="https://github.com/arangodb/arangodb/issues/7410",
)
