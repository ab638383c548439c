"""Histories of registers, generated for measuring checkers: correct ones, and such with one impossible read.

Clients are always busy. Half of the operations read, three of ten write, two of ten compare and set what was
there shortly before. Each takes effect at one moment while it runs; `unknown` of the writing ones lose their
answer.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from checkers.history import Op, OpType


@dataclass(frozen=True, slots=True)
class Shape:
    """One row of the grid. `values` is 0 where every write has a value of its own."""

    operations: int
    clients: int
    keys: int
    values: int
    unknown: float = 0.0
    impossible: bool = False


@dataclass(slots=True)
class _Call:
    process: int
    f: str
    value: Any
    key: int
    type: OpType = "ok"


def generate(shape: Shape, seed: int) -> Iterator[Op]:
    """The operations of a history; equal seeds give equal histories."""
    random = Random(seed)
    state: list[Any] = [None] * shape.keys
    # (time, order, what: 0 begins, 1 takes effect, 2 ends, call or process)
    events: list[tuple[float, int, int, Any]] = [(random.random(), c, 0, c) for c in range(shape.clients)]
    heapq.heapify(events)
    begun, index, process, order = 0, 0, shape.clients, shape.clients
    while events:
        now, _, what, subject = heapq.heappop(events)
        if what == 0:
            if begun == shape.operations:
                continue
            begun += 1
            call = _call(shape, random, subject, begun, state)
            ends = now + 0.05 + random.expovariate(1)
            yield Op(index, int(now * 1e6), subject, "invoke", call.f, call.value, call.key)
            for at, step in ((now + (ends - now) * random.random(), 1), (ends, 2)):
                order += 1
                heapq.heappush(events, (at, order, step, call))
        elif what == 1:
            _apply(subject, state, impossible=shape.impossible and begun > shape.operations * 2 // 3)
            continue
        else:
            lost = subject.f != "read" and random.random() < shape.unknown
            kind: OpType = "info" if lost else subject.type
            yield Op(index, int(now * 1e6), subject.process, kind, subject.f, subject.value, subject.key)
            follower, process = (process, process + 1) if lost else (subject.process, process)
            order += 1
            heapq.heappush(events, (now + 0.2 * random.random(), order, 0, follower))
        index += 1


def _call(shape: Shape, random: Random, process: int, number: int, state: list[Any]) -> _Call:
    key = random.randrange(shape.keys)
    value = random.randrange(shape.values) if shape.values else number
    kind = random.random()
    if kind < 0.5:
        return _Call(process, "read", None, key)
    return (
        _Call(process, "write", value, key) if kind < 0.8 else _Call(process, "cas", [state[key], value], key)
    )


def _apply(call: _Call, state: list[Any], *, impossible: bool) -> None:
    if call.f == "read":
        # Nothing is there any more that was there at first: no write puts null back.
        call.value = None if impossible and state[call.key] is not None else state[call.key]
    elif call.f == "write":
        state[call.key] = call.value
    elif state[call.key] == call.value[0]:
        state[call.key] = call.value[1]
    else:
        call.type = "fail"
