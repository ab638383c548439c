"""Nemesis: breaks things on purpose, proves that they broke, and mends them.

A fault without effect makes a run inconclusive, so every fault has four parts: inject, probe that it took
effect, heal, and undo when the run is aborted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from harness.database import Database
from harness.environment import Environment
from workloads.generator import Generator


@dataclass(frozen=True, slots=True)
class Effect:
    """What a probe measured of one injected fault: a count above zero of something that only the fault can
    cause, in words a reader understands ("packets dropped", "processes gone")."""

    measure: str
    count: int
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Nemesis(Protocol):
    """One fault family.

    `start` and `stop` are the `f`s of its operations in the history, "start-partition" and "stop-partition".
    """

    family: str

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Cause the fault that `value` describes (None: choose one); returns what was done to whom."""
        ...

    async def probe(self) -> Effect:
        """Measure the fault that is in force. Called just before it is healed, and once in between."""
        ...

    async def heal(self) -> None:
        """End the fault; again until it holds. Harmless when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Package:
    """A nemesis with its schedule. A module of `harness.nemeses` is one; `package(options)` makes it."""

    nemesis: Nemesis
    generator: Generator
    families: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NemesisOptions:
    """What a run tells a nemesis. `interval_s` is the mean length of a fault and of the pause after it."""

    environment: Environment
    database: Database
    random: Random
    interval_s: float
    time_limit_s: float
