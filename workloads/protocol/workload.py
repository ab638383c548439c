"""Workload: what clients do, how it is judged, and which promises that tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from checkers.verdict import Checker
from workloads.generator import Generator
from workloads.protocol.client import Client


@dataclass(frozen=True, slots=True)
class Options:
    """What a run tells a workload. `rate` is operations per second of this workload over all its threads."""

    rate: float
    concurrency: int
    nodes: tuple[str, ...]
    topology: str
    seed: int
    time_limit_s: float
    wait_for_sync: bool = True

    @property
    def followers(self) -> int:
        """How many servers follow the one that takes writes."""
        return 0 if self.topology == "single" else len(self.nodes) - 1


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload, ready to run.

    `client` and `setup` are given sessions of one of its `topologies`, with all that these can do. `setup`
    prepares the database once, before the first operation. `final_generator` runs after healing, when
    convergence may be demanded. `minimum` says how many `ok` completions of each `f` are needed for the
    verdict to mean anything; fewer make the run inconclusive. `clauses` are the promises it judges.
    """

    generator: Generator
    client: Callable[[Any], Client]
    checker: Checker
    clauses: tuple[str, ...]
    setup: Callable[[Any], Any] | None = None
    final_generator: Generator | None = None
    topologies: frozenset[str] = frozenset({"single", "leader-follower"})
    minimum: Mapping[str, int] = field(default_factory=dict)
