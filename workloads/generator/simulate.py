"""What a generator would do: a run without any database, clock or thread.

The same order of things as in a real run: completions before invocations that could begin later, `update`
with the context just after each event, and a new process on the thread of every `info`. Same seed, same
history.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import msgspec

from checkers.history import NEMESIS, Op
from workloads.generator.context import Context, Thread
from workloads.generator.leaves import Source
from workloads.generator.protocol import Pending
from workloads.generator.validation import validate

Complete = Callable[[Op, Random], Op]
"""The completion of an invocation: the same process and f, a later time."""

_POLL_NS = 1_000_000
_PATIENCE_NS = 300_000_000_000


class Deadlock(Exception):  # noqa: N818 - the word for it
    """The generator was pending for five minutes with nothing under way."""


def perfect(latency_ns: int = 10) -> Complete:
    """Every operation succeeds after the same time; the nemesis's end with `info`, as they always do."""

    def complete(op: Op, random: Random) -> Op:  # noqa: ARG001 - Complete's signature
        return _completed(op, op.time + latency_ns, "info" if op.process == NEMESIS else "ok")

    return complete


def imperfect(
    *, ok: float = 0.6, fail: float = 0.2, shortest_ns: int = 10, longest_ns: int = 10_000_000
) -> Complete:
    """Latencies at random; `ok` and `fail` with these odds, otherwise `info`."""

    def complete(op: Op, random: Random) -> Op:
        time = op.time + random.randint(shortest_ns, longest_ns)
        drawn = random.random()
        if op.process == NEMESIS or drawn >= ok + fail:
            return _completed(op, time, "info")
        return _completed(op, time, "ok" if drawn < ok else "fail")

    return complete


def _completed(op: Op, time: int, kind: str) -> Op:
    return msgspec.structs.replace(op, time=time, type=kind)


def simulate(
    source: Source,
    complete: Complete | None = None,
    *,
    threads: int = 2,
    nemesis: bool = False,
    seed: int = 0,
    limit: int = 100_000,
) -> list[Op]:
    """The history that `source` would make on so many threads, if `complete` answered its operations.

    Stops after `limit` events. Raises IllFormedOp, or Deadlock if nothing would ever happen any more.
    """
    run = _Run(complete or perfect(), threads, nemesis, Random(seed))
    return run.history(source, limit)


@dataclass(slots=True)
class _Run:
    complete: Complete
    threads: int
    nemesis: bool
    random: Random
    time: int = 0
    events: list[Op] = field(default_factory=list)
    under_way: list[tuple[int, int, Op]] = field(default_factory=list)
    busy: set[Thread] = field(default_factory=set)
    processes: dict[Thread, int | str] = field(default_factory=dict)

    def history(self, source: Source, limit: int) -> list[Op]:
        self.processes = {thread: thread for thread in range(self.threads)}
        self.processes |= {NEMESIS: NEMESIS} if self.nemesis else {}
        generator = validate(source)
        idle_since = 0
        while len(self.events) < limit:
            answer = generator.op(self._context())
            op = None if answer is None else answer[0]
            if isinstance(op, Op) and not (self.under_way and self.under_way[0][0] <= op.time):
                assert answer is not None
                invocation = self._invoke(op)
                generator = answer[1].update(self._context(), invocation)
                idle_since = self.time
            elif self.under_way and (not isinstance(op, Pending) or self._next_is_soon()):
                completion = self._end_first()
                generator = generator.update(self._context(), completion)
                self._retire(completion)
                idle_since = self.time
            elif isinstance(op, Pending):
                assert answer is not None
                generator = answer[1]
                self.time += _POLL_NS
            else:
                break
            if self.time - idle_since > _PATIENCE_NS and not self.under_way:
                raise Deadlock(f"nothing has happened for five minutes: {generator!r}")
        return self.events

    def _context(self) -> Context:
        free = tuple(thread for thread in self.processes if thread not in self.busy)
        return Context(self.time, free, dict(self.processes), self.random)

    def _next_is_soon(self) -> bool:
        return self.under_way[0][0] <= self.time + _POLL_NS

    def _record(self, op: Op) -> Op:
        recorded = msgspec.structs.replace(op, index=len(self.events))
        self.events.append(recorded)
        return recorded

    def _invoke(self, op: Op) -> Op:
        self.time = max(self.time, op.time)
        invocation = self._record(op)
        self.busy.add(self._thread(invocation))
        completion = self.complete(invocation, self.random)
        heapq.heappush(self.under_way, (completion.time, invocation.index, completion))
        return invocation

    def _end_first(self) -> Op:
        time, _, completion = heapq.heappop(self.under_way)
        self.time = max(self.time, time)
        self.busy.discard(self._thread(completion))
        return self._record(completion)

    def _retire(self, completion: Op) -> None:
        if completion.type == "info" and isinstance(completion.process, int):
            self.processes[self._thread(completion)] = completion.process + self.threads

    def _thread(self, op: Op) -> Thread:
        return next(thread for thread, process in self.processes.items() if process == op.process)
