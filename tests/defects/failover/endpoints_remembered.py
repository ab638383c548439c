"""The list of servers is that of the first time somebody asked for it."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from reference.api import cluster
from reference.failover.member import Member
from tests.defects.defect import Defect

_read_rightly = cluster._read
_trees = WeakKeyDictionary[Member, dict[str, Any]]()


async def _read(member: Member, *paths: str) -> dict[str, Any]:
    if member not in _trees:
        _trees[member] = await _read_rightly(member, *paths)
    return _trees[member]


DEFECT = Defect(
    id="endpoints-remembered",
    clause="AF-ENDPOINTS",
    anomaly="stale-first-endpoint",
    replaces="reference.api.cluster:_read",
    replacement=_read,
    oracle="client",
    topology="active-failover",
    faults=("kill",),
    workloads=("redirects",),
)
