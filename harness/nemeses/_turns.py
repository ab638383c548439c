"""Turns: several fault families, one at a time, in a new order each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import msgspec

from checkers.history import NEMESIS, Op
from harness.nemesis import Nemesis, Package
from workloads.generator import Answer, Context, Generator


@dataclass(frozen=True, slots=True)
class Composition:
    """Nemeses by family, and the one generator that asks for all of their operations."""

    nemeses: Mapping[str, Nemesis]
    generator: Generator


def compose(packages: Sequence[Package], random: Random) -> Composition:
    """Let the packages take turns: each injects and heals one fault, then it is the next one's turn."""
    nemeses = {family: package.nemesis for package in packages for family in package.families}
    if len(packages) == 1:
        return Composition(nemeses, packages[0].generator)
    return Composition(
        nemeses, Turns(tuple(package.generator for package in packages), random.getrandbits(64))
    )


class Turns(msgspec.Struct, frozen=True):
    """Asks the generator whose turn it is; its turn is over when an operation "stop-..." has completed.

    All hear of every event. `taken` counts the turns that are over; a generator that is exhausted is passed
    over.
    """

    generators: tuple[Generator, ...]
    seed: int
    taken: int = 0

    def op(self, context: Context) -> Answer:
        """What the one whose turn it is answers."""
        for skipped in range(2 * len(self.generators)):  # two rounds hold everybody, in whatever order
            turn = self._at(self.taken + skipped)
            answer = self.generators[turn].op(context)
            if answer is not None:
                op, successor = answer
                generators = (*self.generators[:turn], successor, *self.generators[turn + 1 :])
                return op, msgspec.structs.replace(self, generators=generators, taken=self.taken + skipped)
        return None

    def update(self, context: Context, event: Op) -> Turns:
        """Tell all, and end the turn with the fault."""
        generators = tuple(each.update(context, event) for each in self.generators)
        over = event.process == NEMESIS and event.type != "invoke" and event.f.startswith("stop-")
        return msgspec.structs.replace(self, generators=generators, taken=self.taken + over)

    def _at(self, turn: int) -> int:
        """Whose turn it is: every round is a new order of all."""
        around, place = divmod(turn, len(self.generators))
        return _order(self.seed, around, len(self.generators))[place]


@lru_cache(maxsize=16)
def _order(seed: int, around: int, count: int) -> list[int]:
    order = list(range(count))
    Random(f"{seed}/{around}").shuffle(order)
    return order
