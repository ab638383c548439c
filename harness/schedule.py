"""The schedule of a run: workloads side by side on threads of their own, with the nemesis beside them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.plan import Plan
from workloads.generator import (
    Generator,
    Source,
    any_of,
    lift,
    on_clients,
    on_nemesis,
    prefixed,
    remembered,
    reserve,
    time_limit,
)
from workloads.protocol.workload import Workload


def safety(plan: Plan, workloads: Mapping[str, Workload], faults: Generator) -> Generator:
    """All workloads, and all faults beside them, until the time limit."""
    clients = _side_by_side(plan, {name: workload.generator for name, workload in workloads.items()})
    # What clients do changes nothing about the next fault, so it is not worked out anew each time.
    return time_limit(plan.time_limit_s, any_of(clients, on_nemesis(remembered(faults))))


def liveness(plan: Plan, workloads: Mapping[str, Workload]) -> Generator:
    """The final generators of all workloads."""
    return _side_by_side(plan, {name: workload.final_generator for name, workload in workloads.items()})


def _side_by_side(plan: Plan, sources: Mapping[str, Source]) -> Generator:
    several = len(sources) > 1
    named = [(plan.shares[n], prefixed(n, s) if several else lift(s)) for n, s in sources.items()]
    *ranges, (_, rest) = named
    return on_clients(reserve(*ranges, rest=rest))
