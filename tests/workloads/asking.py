"""Contexts for tests, and short ways to write down what a generator did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

from checkers.history import NEMESIS, Op
from workloads.generator import Context, Thread

SECOND = 1_000_000_000


def context(
    threads: int = 2,
    *,
    time: int = 0,
    busy: Iterable[Thread] = (),
    nemesis: bool = False,
    seed: int = 0,
) -> Context:
    """A moment at which every thread acts as its first process."""
    everyone: list[Thread] = [*range(threads), *([NEMESIS] if nemesis else [])]
    occupied = list(busy)
    free = tuple(thread for thread in everyone if thread not in occupied)
    return Context(time, free, {thread: thread for thread in everyone}, Random(seed))


def invocations(history: Sequence[Op]) -> list[Op]:
    """What was asked for."""
    return [op for op in history if op.index in _invoked(history)]


def _invoked(history: Sequence[Op]) -> dict[int, None]:
    return dict.fromkeys(op.index for op in history if op.type == "invoke")


def fs(history: Sequence[Op]) -> list[str]:
    """The `f` of everything that was asked for, in order."""
    return [op.f for op in invocations(history)]


def values(history: Sequence[Op]) -> list[object]:
    """The value of everything that was asked for, in order."""
    return [op.value for op in invocations(history)]


def times_s(history: Sequence[Op]) -> list[float]:
    """When everything was asked for, in seconds."""
    return [op.time / SECOND for op in invocations(history)]
