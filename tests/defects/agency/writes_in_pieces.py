"""The operations of one transaction become entries of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reference.agency.agent import Agent
from tests.defects.defect import Defect

_write_rightly = Agent.write


async def _write(self: Agent, writes: Sequence[Any]) -> list[int]:
    results = []
    for operations, *rest in writes:
        first, others = dict(list(operations.items())[:1]), list(operations.items())[1:]
        (index,) = await _write_rightly(self, [[first, *rest]])
        for key, value in others if index else ():
            (index,) = await _write_rightly(self, [[{key: value}]])
        results.append(index)
    return results


DEFECT = Defect(
    id="writes-in-pieces",
    clause="CL-AGENCY-TRX",
    anomaly="half-transaction",
    replaces="reference.agency.agent:Agent.write",
    replacement=_write,
    oracle="client",
    topology="active-failover",
    workloads=("agency_register",),
)
