"""Which trial is next: drawn by weight, each from its own number, so that a seed has the same ones again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from random import Random

from workloads.generator import Generator, keyed, reserve
from workloads.generator.keyed import Key
from workloads.trials import long, short

Maker = Callable[[Random, int, int, int], Generator]
"""From a random source, the trial's number, a follower and the count of servers."""

_SHORT: Mapping[Maker, int] = {
    short.scope: 6,
    short.conflict: 1,
    short.itself: 1,
    short.stranger: 2,
    short.retries: 1,
    short.handover: 2,
    short.snapshot: 1,
    short.secret: 1,
}
_LONG: Mapping[Maker, int] = {long.set_up: 3, long.halfway: 3, long.unsynced: 1}
_ALONE: Mapping[Maker, int] = {short.itself: 1, short.snapshot: 1}
"""What can be tried on one server."""
_OPS = 200
_PROCESSES = 30


def trials(seed: int, servers: int, threads: int) -> Generator:
    """One trial after the other on each thread; half of the threads, or more, are for long ones."""
    if servers == 1:
        return _drawn(seed, servers, _ALONE, 0)
    if threads < 2:
        return _drawn(seed, servers, {**_SHORT, **_LONG}, 0)
    return reserve(
        ((threads + 1) // 2 if threads > 2 else 1, _drawn(seed, servers, _LONG, 1)),
        rest=_drawn(seed, servers, _SHORT, 0),
    )


def _drawn(seed: int, servers: int, weights: Mapping[Maker, int], first: int) -> Generator:
    makers = [maker for maker in weights if servers > 2 or maker is not short.stranger]
    odds = [weights[maker] for maker in makers]

    def trial(key: Key) -> Generator:
        random = Random(f"{seed}/trial {key}")
        maker = random.choices(makers, odds)[0]
        follower = random.randrange(1, servers) if servers > 1 else 0
        assert isinstance(key, int)
        return maker(random, key, follower, servers)

    return keyed(
        itertools.count(first, 2), trial, threads_per_key=1, ops_per_key=_OPS, processes_per_key=_PROCESSES
    )
