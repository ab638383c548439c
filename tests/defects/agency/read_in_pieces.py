"""A read of several paths reads each of them at a moment of its own."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from reference.agency.transaction import parse_read
from reference.api import answer
from reference.api.agency import AgencyApi, _array
from reference.world import Request, Response
from tests.defects.defect import Defect


async def _read(self: AgencyApi, request: Request) -> Response:
    found: list[dict[str, Any]] = []
    for element in _array(request):
        whole: dict[str, Any] = {}
        for path in parse_read(element).paths:
            await self._agent.readable()
            _merge(whole, self._agent.store.tree.read([path]))
        found.append(whole)
    return answer.plain(found)


def _merge(into: dict[str, Any], tree: dict[str, Any]) -> None:
    for name, value in tree.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = deepcopy(value)


DEFECT = Defect(
    id="read-in-pieces",
    clause="CL-AGENCY-TRX",
    anomaly="half-transaction",
    replaces="reference.api.agency:AgencyApi._read",
    replacement=_read,
    oracle="client",
    topology="active-failover",
    workloads=("agency_register",),
)
