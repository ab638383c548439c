"""The schedule of a run: workloads side by side on threads of their own, with the nemesis beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.plan import Plan
from workloads.generator import Generator, Source, on_clients, prefixed, reserve, time_limit
from workloads.protocol.workload import Workload


def safety(plan: Plan, workloads: Mapping[str, Workload], faults: Generator) -> Generator:
    """All workloads, and on the last thread, the nemesis's, all faults, until the time limit."""
    sources = {name: workload.generator for name, workload in workloads.items()}
    return time_limit(plan.time_limit_s, reserve(*_shares(plan, sources), rest=faults))


def liveness(plan: Plan, workloads: Mapping[str, Workload]) -> Generator:
    """The final generators of all workloads."""
    sources = {name: workload.final_generator for name, workload in workloads.items()}
    return on_clients(reserve(*_shares(plan, sources), rest=None))


def _shares(plan: Plan, sources: Mapping[str, Source]) -> Iterator[tuple[int, Source]]:
    """The sources, each with the number of its threads, in the order of the threads."""
    for name, source in sources.items():
        yield plan.shares[name], prefixed(name, source) if len(sources) > 1 else source
