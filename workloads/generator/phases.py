"""Barriers: a phase begins when every thread that the generator sees is idle."""

from __future__ import annotations

import msgspec

from checkers.history import Op
from workloads.generator.context import Context
from workloads.generator.leaves import Source, lift
from workloads.generator.protocol import PENDING, Answer, Generator


def synchronize(source: Source) -> Generator:
    """The source, begun when no thread is busy."""
    return Synchronize(lift(source))


def phases(*sources: Source) -> Generator:
    """The sources one after the other, each begun only when every operation of the one before has ended."""
    return lift([synchronize(source) for source in sources])


def then(first: Source, second: Source) -> Generator:
    """The first source, and when all its operations have ended, the second."""
    return lift([lift(first), synchronize(second)])


class Synchronize(msgspec.Struct, frozen=True):
    """A source that has not begun."""

    generator: Generator

    def op(self, context: Context) -> Answer:
        """PENDING while any thread is busy; then the source itself."""
        if len(context.free) < len(context.processes):
            return PENDING, self
        return self.generator.op(context)

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source, which may have been told of earlier events as well."""
        return Synchronize(self.generator.update(context, event))
