"""When operations begin: stagger, delay, sleep."""

from __future__ import annotations

import msgspec

from checkers.history import Op
from workloads.generator.context import Context
from workloads.generator.leaves import Source, lift
from workloads.generator.protocol import PENDING, Answer, Generator, Pending


def nanoseconds(seconds: float) -> int:
    """Seconds in the unit of histories."""
    return round(seconds * 1_000_000_000)


def stagger(mean_s: float, source: Source) -> Generator:
    """Operations at random intervals, uniform between 0 and 2 * `mean_s`, over all threads together.

    An operation taken late does not delay those after it, so that the mean rate is kept; but no more than one
    mean interval is ever made up for: after a stall there is no burst.
    """
    return Stagger(lift(source), nanoseconds(mean_s), None)


class Stagger(msgspec.Struct, frozen=True):
    """`planned` is the moment of the next operation; None before the first."""

    generator: Generator
    mean_ns: int
    planned: int | None

    def op(self, context: Context) -> Answer:
        """The next operation, at the planned moment or as soon after as it may begin."""
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        if isinstance(op, Pending):
            return op, Stagger(rest, self.mean_ns, self.planned)
        time = op.time if self.planned is None else max(op.time, self.planned)
        base = time if self.planned is None else max(self.planned, time - self.mean_ns)
        following = base + round(context.random.uniform(0, 2 * self.mean_ns))
        return msgspec.structs.replace(op, time=time), Stagger(rest, self.mean_ns, following)

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source."""
        return Stagger(self.generator.update(context, event), self.mean_ns, self.planned)


def delay(interval_s: float, source: Source) -> Generator:
    """Operations at least `interval_s` apart, exactly so if a thread is free in time."""
    return Delay(lift(source), nanoseconds(interval_s), 0)


class Delay(msgspec.Struct, frozen=True):
    """`earliest` is the first moment at which the next operation may begin."""

    generator: Generator
    interval_ns: int
    earliest: int

    def op(self, context: Context) -> Answer:
        """The next operation, not before its moment."""
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        if isinstance(op, Pending):
            return op, Delay(rest, self.interval_ns, self.earliest)
        time = max(op.time, self.earliest)
        return msgspec.structs.replace(op, time=time), Delay(rest, self.interval_ns, time + self.interval_ns)

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source."""
        return Delay(self.generator.update(context, event), self.interval_ns, self.earliest)


def sleep(seconds: float) -> Generator:
    """Nothing for so long, counted from the first asking; then exhausted."""
    return Sleep(nanoseconds(seconds), None)


class Sleep(msgspec.Struct, frozen=True):
    """`until` is None before the first asking."""

    length_ns: int
    until: int | None

    def op(self, context: Context) -> Answer:
        """PENDING until the time is over."""
        until = context.time + self.length_ns if self.until is None else self.until
        return None if context.time >= until else (PENDING, Sleep(self.length_ns, until))

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Unmoved."""
        return self
