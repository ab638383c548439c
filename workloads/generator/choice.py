"""Choosing among generators: at random, in turn, or the soonest."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from random import Random

import msgspec

from checkers.history import Op
from workloads.generator.context import Context, Thread
from workloads.generator.leaves import Source, lift
from workloads.generator.protocol import PENDING, Answer, Generator, Pending


def mix(*sources: Source) -> Generator:
    """Operations of all sources in random order, each drawn with equal odds until it is exhausted.

    Name a source twice for twice the odds. A drawn source that is pending makes the mix pending for that
    asking; the next one draws again.
    """
    return Mix(tuple(lift(source) for source in sources), None)


class Mix(msgspec.Struct, frozen=True):
    """`drawn` is kept while an answer is not taken, so that operations far ahead are not drawn away."""

    generators: tuple[Generator, ...]
    drawn: int | None

    def op(self, context: Context) -> Answer:
        """The next operation of the source that was drawn; the next one is drawn at once."""
        generators, drawn = self.generators, self.drawn
        while generators:
            drawn = context.random.randrange(len(generators)) if drawn is None else drawn
            answer = generators[drawn].op(context)
            if answer is not None:
                after = replaced(generators, drawn, answer[1])
                return answer[0], Mix(after, context.random.randrange(len(after)))
            generators, drawn = generators[:drawn] + generators[drawn + 1 :], None
        return None

    def update(self, context: Context, event: Op) -> Generator:
        """Told to all sources."""
        return Mix(tuple(g.update(context, event) for g in self.generators), self.drawn)


def flip_flop(*sources: Source) -> Generator:
    """One operation of the first source, one of the second, and so on round; ends with the one in turn."""
    return FlipFlop(tuple(lift(source) for source in sources), 0)


class FlipFlop(msgspec.Struct, frozen=True):
    """Sources in turn."""

    generators: tuple[Generator, ...]
    turn: int

    def op(self, context: Context) -> Answer:
        """The next operation of the source whose turn it is."""
        answer = self.generators[self.turn].op(context)
        if answer is None:
            return None
        op, rest = answer
        turn = self.turn if isinstance(op, Pending) else (self.turn + 1) % len(self.generators)
        return op, FlipFlop(replaced(self.generators, self.turn, rest), turn)

    def update(self, context: Context, event: Op) -> Generator:
        """Told to all sources."""
        return FlipFlop(tuple(g.update(context, event) for g in self.generators), self.turn)


def any_of(*sources: Source) -> Generator:
    """The operation that may begin soonest, of all sources; among equals, any. Ends when all have ended."""
    return AnyOf(tuple(remembered(source) for source in sources))


def remembered(source: Source) -> Generator:
    """The source, which is asked again only when its answer may have become another.

    Sources side by side are asked together, but only one of them is taken at its word; without a memory the
    others would work out the same answer again at every event of anybody.
    """
    return Remembered(lift(source))


class Remembered(msgspec.Struct, eq=False):
    """A generator and its last answer, which holds while nothing was taken, nobody else is free, and the
    operation is not overdue.
    """

    generator: Generator
    _answer: tuple[Op, Generator] | None = None
    _free: tuple[Thread, ...] = ()

    def op(self, context: Context) -> Answer:
        """The answer of before, or a new one."""
        kept = self._answer
        if kept is not None and kept[0].time >= context.time and self._free == context.free:
            return kept
        self._answer = None
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        if isinstance(op, Pending):
            return op, self if rest is self.generator else Remembered(rest)
        self._answer, self._free = (op, Remembered(rest)), context.free
        return self._answer

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source; unless that stays what it was, the answer is forgotten."""
        updated = self.generator.update(context, event)
        return self if updated is self.generator else Remembered(updated)


class AnyOf(msgspec.Struct, frozen=True):
    """Sources side by side."""

    generators: tuple[Generator, ...]

    def op(self, context: Context) -> Answer:
        """The soonest operation of all sources."""
        chosen = soonest(self.generators, [g.op(context) for g in self.generators], context.random)
        return None if chosen is None else (chosen[0], AnyOf(chosen[1]))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to all sources."""
        return AnyOf(tuple(g.update(context, event) for g in self.generators))


def soonest(
    generators: Sequence[Generator],
    answers: Sequence[Answer],
    random: Random,
    parties: Sequence[Sized] | None = None,
) -> tuple[Op | Pending, tuple[Generator, ...]] | None:
    """Of the answers of generators side by side: the soonest operation, and all generators after it.

    Among equal moments one is drawn, by the size of its party. PENDING if none has an operation but some are
    pending; None if all are exhausted.
    """
    ready: list[int] = []
    soon: list[Op] = []
    after = list(generators)
    is_pending = False
    for index, answer in enumerate(answers):
        if answer is None:
            continue
        op, rest = answer
        if isinstance(op, Pending):
            is_pending, after[index] = True, rest
        elif not soon or op.time < soon[0].time:
            ready, soon = [index], [op]
        elif op.time == soon[0].time:
            ready.append(index)
            soon.append(op)
    if not soon:
        return (PENDING, tuple(after)) if is_pending else None
    drawn = 0 if len(ready) == 1 else _draw(ready, random, parties)
    chosen = answers[ready[drawn]]
    assert chosen is not None
    after[ready[drawn]] = chosen[1]
    return soon[drawn], tuple(after)


def _draw(ready: Sequence[int], random: Random, parties: Sequence[Sized] | None) -> int:
    """The place of one of those that are ready."""
    weights = None if parties is None else [max(1, len(parties[index])) for index in ready]
    return random.choices(range(len(ready)), weights)[0]


def replaced(generators: tuple[Generator, ...], index: int, generator: Generator) -> tuple[Generator, ...]:
    """The generators with another one in one place."""
    return (*generators[:index], generator, *generators[index + 1 :])
