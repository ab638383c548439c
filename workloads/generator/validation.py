"""A wrapper that refuses ill-formed operations: a generator's mistake is found where it is made."""

from __future__ import annotations

import msgspec

from checkers.history import Op
from workloads.generator.context import Context
from workloads.generator.leaves import Source, lift
from workloads.generator.protocol import Answer, Generator, Pending


class IllFormedOp(Exception):  # noqa: N818 - it names the thing refused
    """A generator answered with something that cannot be done."""


def validate(source: Source) -> Generator:
    """The source, unchanged; raises IllFormedOp when an answer breaks the protocol."""
    return Validate(lift(source))


class Validate(msgspec.Struct, frozen=True):
    """A source under suspicion."""

    generator: Generator

    def op(self, context: Context) -> Answer:
        """The source's answer, if it is well formed."""
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        wrong = None if isinstance(op, Pending) else _wrong(op, context)
        if wrong is not None:
            raise IllFormedOp(f"{wrong}: {op!r} (free threads: {context.free}, time: {context.time} ns)")
        return op, Validate(rest)

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source."""
        return Validate(self.generator.update(context, event))


def _wrong(op: object, context: Context) -> str | None:
    """What is wrong with an operation, or None."""
    if not isinstance(op, Op):
        return "an answer that is no Op"
    free = {context.processes[thread] for thread in context.free}
    faults = {
        "an operation that is no invocation": op.type != "invoke",
        "an operation without f": not op.f,
        "an operation with an index, which is given when it is recorded": op.index != -1,
        "an operation in the past": op.time < context.time,
        "an operation of a process that is not free": op.process not in free,
    }
    return next((fault for fault, present in faults.items() if present), None)
