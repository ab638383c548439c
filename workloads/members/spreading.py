"""Probes of every server on threads of its own, so that one that does not answer hides no other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workloads.generator import Generator, any_of, lift, reserve, stagger

_LOOKS = 0.25
"""The share of looks at the agency in the rate."""


def spread(
    concurrency: int, rate: float, servers: int, kinds: Callable[[int], tuple[str, bool]]
) -> Generator:
    """Looks at the agency and probes of each server, each on threads of their own if there are enough.

    `kinds(n)` is what the n-th probe of a server asks for, and whether that may be dirty.
    """
    looks = stagger(1 / (_LOOKS * rate), lift(itertools.cycle([{"f": "observe"}])))
    each_s = servers / ((1 - _LOOKS) * rate)
    probes = [stagger(each_s, lift(_probes(server, servers, kinds))) for server in range(servers)]
    threads = (concurrency - 1) // servers
    if threads < 1:
        return any_of(looks, *probes)
    return reserve(*((threads, each) for each in probes), rest=looks)


def _probes(
    server: int, servers: int, kinds: Callable[[int], tuple[str, bool]]
) -> Iterator[Mapping[str, Any]]:
    for turn in itertools.count():
        kind, dirty = kinds(turn)
        number = turn * servers + server
        yield {"f": "probe", "value": {"server": server, "kind": kind, "dirty": dirty, "number": number}}
