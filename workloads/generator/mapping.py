"""Rewriting operations on their way out, and events on their way in."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from checkers.history import Op
from workloads.generator.context import Context
from workloads.generator.leaves import Source, lift
from workloads.generator.protocol import Answer, Generator, Pending


def map_ops(
    outward: Callable[[Op], Op], source: Source, *, inward: Callable[[Op], Op | None] | None = None
) -> Generator:
    """The source with every operation replaced by `outward(op)`.

    `inward` turns an event back into what the source would recognise, or into None if it is not its concern;
    left out, the source hears events as they are.
    """
    return MapOps(lift(source), outward, inward)


def prefixed(name: str, source: Source) -> Generator:
    """The source as one workload of several: `f` "read" goes out as "name:read".

    The source hears only of its own operations, with the prefix taken off.
    """
    prefix = f"{name}:"
    return map_ops(_Add(prefix), source, inward=_Strip(prefix))


class _Add(msgspec.Struct, frozen=True):
    prefix: str

    def __call__(self, op: Op) -> Op:
        return msgspec.structs.replace(op, f=self.prefix + op.f)


class _Strip(msgspec.Struct, frozen=True):
    prefix: str

    def __call__(self, op: Op) -> Op | None:
        if not op.f.startswith(self.prefix):
            return None
        return msgspec.structs.replace(op, f=op.f.removeprefix(self.prefix))


class MapOps(msgspec.Struct, frozen=True):
    """A source seen through two functions."""

    generator: Generator
    outward: Callable[[Op], Op]
    inward: Callable[[Op], Op | None] | None

    def op(self, context: Context) -> Answer:
        """The source's next operation, rewritten."""
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        return (op if isinstance(op, Pending) else self.outward(op)), MapOps(rest, self.outward, self.inward)

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source in its own terms, if it is its concern."""
        own = event if self.inward is None else self.inward(event)
        if own is None:
            return self
        return MapOps(self.generator.update(context, own), self.outward, self.inward)
