"""Twice: each seed lived in two processes whose strings hash differently, which must make no difference.

What iterates over a set of strings, orders by address, reads a real clock or draws from an unseeded source
shows here as two traces of one seed.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from harness.explore.campaign import Errand, one_life
from harness.explore.life import Outcome
from harness.explore.pool import Spawned
from harness.explore.summary import WORDS

_HASH_SEEDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What became of it: seeds whose two lives differ, those that had no life to compare, and those whose two
    equal lives show a violation.
    """

    lives: int
    differing: tuple[int, ...]
    crashed: tuple[int, ...]
    violating: tuple[int, ...]
    hashes_differ: bool
    cpu_s: float

    @property
    def exit_code(self) -> int:
        """255 if two lives differ or there was none, 1 for a violation, 2 if the processes hashed alike."""
        if self.differing or self.crashed:
            return 255
        if self.violating:
            return 1
        return 0 if self.lives and self.hashes_differ else 2

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.differing:
            return f"{len(self.differing)} of {self.lives} seeds are not the same run twice."
        if self.crashed:
            return f"{len(self.crashed)} of {self.lives} seeds came to no verdict."
        if self.violating:
            return f"{len(self.violating)} of {self.lives} seeds show a violation, the same one twice."
        if not self.lives or not self.hashes_differ:
            return "No two processes hashed strings differently, so nothing is shown."
        return f"{self.lives:,} seeds, each lived twice in processes that hash unlike: all traces are equal."


def hashed_life(errand: Errand, seed: int) -> tuple[Outcome, int]:
    """A life, and how this process hashes a string."""
    return one_life(errand, seed), hash("pestle")


def run(
    errand: Errand,
    seeds: Iterator[int],
    jobs: int,
    *,
    time_s: float | None = None,
    executors: tuple[Executor, Executor] | None = None,
    life: Callable[[Errand, int], tuple[Outcome, int]] = hashed_life,
) -> Pairs:
    """Live them, in chunks that keep all processes busy."""
    began = time.monotonic()
    pairs: list[tuple[tuple[Outcome, int], tuple[Outcome, int]]] = []
    with ExitStack() as stack:
        if executors is None:
            # Both halves run at once, so each has half of the processes.
            share = max(1, jobs // 2)
            one, other = (stack.enter_context(Spawned(share, number)) for number in _HASH_SEEDS)
            executors = one, other
        while time_s is None or time.monotonic() - began < time_s:
            chunk = list(itertools.islice(seeds, 8 * jobs))
            if not chunk:
                break
            halves = [[executor.submit(life, errand, seed) for seed in chunk] for executor in executors]
            pairs += [(a.result(), b.result()) for a, b in zip(*halves, strict=True)]
    return _compared(pairs)


def _compared(pairs: list[tuple[tuple[Outcome, int], tuple[Outcome, int]]]) -> Pairs:
    seen = [(one, other) for (one, _), (other, _) in pairs]
    return Pairs(
        lives=len(seen),
        differing=tuple(one.seed for one, other in seen if _told(one) != _told(other)),
        crashed=tuple(one.seed for one, _ in seen if one.verdict == "crashed"),
        violating=tuple(one.seed for one, _ in seen if one.verdict == "invalid"),
        hashes_differ=any(one != other for (_, one), (_, other) in pairs),
        cpu_s=sum(one.cpu_s + other.cpu_s for one, other in seen),
    )


def _told(seen: Outcome) -> tuple[Any, ...]:
    return seen.trace_sha256, seen.verdict, seen.note, seen.fingerprints


def lines(pairs: Pairs) -> Iterator[str]:
    """What differs, and what it took."""
    for seed in pairs.differing:
        yield f"seed {seed} gives two traces; `pestle replay {seed}` says where they part"
    for seed in pairs.crashed:
        yield f"seed {seed} came to no verdict"
    for seed in pairs.violating:
        yield f"seed {seed} shows a violation; `pestle explore --seeds {seed}..{seed}` keeps it"
    yield f"{pairs.lives:,} seeds twice, {pairs.cpu_s:,.1f} CPU s"


def as_json(pairs: Pairs, command: str) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        "schema": 1,
        "verdict": WORDS[pairs.exit_code],
        "exit_code": pairs.exit_code,
        "sentence": pairs.sentence,
        "command": command,
        "anomalies": [],
        "statistics": {"seeds": pairs.lives, "cpu_s": round(pairs.cpu_s, 3)},
        "differing": list(pairs.differing),
        "crashed": list(pairs.crashed),
        "violating": list(pairs.violating),
    }
