"""A resync puts the leader's documents beside those that are there already."""

from __future__ import annotations

from reference.replication import definitions
from reference.replication.initial_sync import InitialSync, _Described
from reference.storage.collection import Collection
from tests.defects.defect import Defect

_counterpart_rightly = InitialSync._counterpart


async def _counterpart(self: InitialSync, described: _Described) -> tuple[Collection, bool]:
    collection = definitions.counterpart(self._database, described.guid, described.name)
    return await _counterpart_rightly(self, described) if collection is None else (collection, True)


DEFECT = Defect(
    id="resync-keeps-documents",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.initial_sync:InitialSync._counterpart",
    replacement=_counterpart,
    oracle="client",
    faults=("kill",),
    workloads=("leader_follower",),
    needs=("a resync, and removals that the follower has missed",),
    mirrors="https://github.com/arangodb/arangodb/pull/14405 (resurrected writes)",
)
