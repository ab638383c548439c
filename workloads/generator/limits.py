"""How much is asked for: repeat, once, limit, time_limit, process_limit, until, until_ok."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from checkers.history import Op, Process
from workloads.generator.context import Context
from workloads.generator.leaves import NOTHING, Source, lift
from workloads.generator.protocol import PENDING, Answer, Generator, Pending
from workloads.generator.rate import nanoseconds


def repeat(source: Source) -> Generator:
    """The source again from its beginning whenever it is exhausted; endless unless the source is empty."""
    generator = lift(source)
    return Repeat(generator, generator)


class Repeat(msgspec.Struct, frozen=True):
    """The source as it was, and as it is in this round."""

    original: Generator
    current: Generator

    def op(self, context: Context) -> Answer:
        """The next operation of this round, or the first of a new one."""
        answer = self.current.op(context) or self.original.op(context)
        return None if answer is None else (answer[0], Repeat(self.original, answer[1]))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the round under way."""
        return Repeat(self.original, self.current.update(context, event))


def limit(count: int, source: Source) -> Generator:
    """At most `count` operations."""
    return Limit(lift(source), count)


def once(source: Source) -> Generator:
    """The first operation only."""
    return limit(1, source)


class Limit(msgspec.Struct, frozen=True):
    """`remaining` operations may still be asked for."""

    generator: Generator
    remaining: int

    def op(self, context: Context) -> Answer:
        """The next operation while any remain."""
        answer = self.generator.op(context) if self.remaining > 0 else None
        if answer is None:
            return None
        op, rest = answer
        return op, Limit(rest, self.remaining - (not isinstance(op, Pending)))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source."""
        return Limit(self.generator.update(context, event), self.remaining)


def time_limit(seconds: float, source: Source) -> Generator:
    """No operation that would begin `seconds` or more after the first one began."""
    return TimeLimit(lift(source), nanoseconds(seconds), None)


class TimeLimit(msgspec.Struct, frozen=True):
    """`end` is None before the first operation."""

    generator: Generator
    length_ns: int
    end: int | None

    def op(self, context: Context) -> Answer:
        """The next operation if it may begin before the end."""
        if self.end is not None and context.time >= self.end:
            return None
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        if isinstance(op, Pending):
            return op, msgspec.structs.replace(self, generator=rest)
        end = op.time + self.length_ns if self.end is None else self.end
        return None if op.time >= end else (op, TimeLimit(rest, self.length_ns, end))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source."""
        return TimeLimit(self.generator.update(context, event), self.length_ns, self.end)


def process_limit(count: int, source: Source) -> Generator:
    """Operations by at most `count` different processes.

    Each `info` retires a process and leaves an operation open to the end of the history; so this bounds how
    many operations a checker must consider at once.
    """
    return ProcessLimit(lift(source), count, frozenset())


class ProcessLimit(msgspec.Struct, frozen=True):
    """`seen` are the processes that were asked so far."""

    generator: Generator
    count: int
    seen: frozenset[Process]

    def op(self, context: Context) -> Answer:
        """The next operation, unless it is by one process too many."""
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        if isinstance(op, Pending):
            return op, msgspec.structs.replace(self, generator=rest)
        seen = self.seen | {op.process}
        return None if len(seen) > self.count else (op, ProcessLimit(rest, self.count, seen))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source."""
        return msgspec.structs.replace(self, generator=self.generator.update(context, event))


def until_ok(source: Source) -> Generator:
    """The source again and again, one operation at a time, until one of them was `ok`."""
    return until(_is_ok, source)


def until(done: Callable[[Op], bool], source: Source) -> Generator:
    """The source again and again, one operation at a time, until `done` accepts a completion."""
    return Until(repeat(source), done, None)


def _is_ok(completion: Op) -> bool:
    return completion.type == "ok"


class Until(msgspec.Struct, frozen=True):
    """`waiting` is the process whose answer is awaited."""

    generator: Generator
    done: Callable[[Op], bool]
    waiting: Process | None

    def op(self, context: Context) -> Answer:
        """The next attempt, once the last one has ended."""
        if self.waiting is not None:
            return PENDING, self
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        return op, msgspec.structs.replace(
            self, generator=rest, waiting=None if isinstance(op, Pending) else op.process
        )

    def update(self, context: Context, event: Op) -> Generator:
        """The awaited completion exhausts it or lets it try again."""
        if event.type == "invoke" or event.process != self.waiting:
            return msgspec.structs.replace(self, generator=self.generator.update(context, event))
        if self.done(event):
            return NOTHING
        return msgspec.structs.replace(self, generator=self.generator.update(context, event), waiting=None)
