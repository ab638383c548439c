"""Cycles of dependencies: which classes there are, and a shortest cycle of each.

The classes, from the one that proves most to the one that proves least. Each holds only what is not of a
class above it:

    G0              ww only: writes of two transactions are interleaved                     (Adya 1999)
    G1c             ww and wr: information flows in a circle                                (Adya 1999)
    G-single-item   exactly one rw                                                          (Adya 1999)
    fractured-read  of these, one wr and back by rw: a part of a transaction was seen (Bailis et al. 2014)
    G-nonadjacent-item  several rw, but never two in a row    (Cerone & Gotsman 2018: what SI cannot have)
    G2-item         two rw in a row: write skew and its like                                (Adya 1999)

"-item" because no predicates are read here. `-process` and `-realtime` are said of a cycle that needs the
order of a client's transactions, or that of time, or a version order inferred from these (Kingsbury & Alvaro
2020).

Within a component, a class is looked for by one search in breadth from each transaction: an automaton reads
the kinds of the edges and accepts at the transaction it began with. A class is skipped where one that proves
at least as much was found at a lower level. A cycle that is found without visiting a transaction twice is
proof. Where the search visits one twice, the cycle falls into two of which one is of a class above, so a
verdict never depends on it.

The work for one class in one component is bounded. What then was not decided is said: `Undecided`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from checkers.budget import Budget
from checkers.native import AVAILABLE
from checkers.transactions.components import ANY_KIND, FORBIDDEN, Steps, components
from checkers.transactions.dependency import LEVELS, PLAIN, PROCESS, REALTIME, Edge, Kind, Part

if TYPE_CHECKING:
    from checkers.native._engine import Component as Engine

EFFORT = 2_000_000
"""So many edges are followed at most for one class in one component."""
_SUFFIX = {PLAIN: "", PROCESS: "-process", REALTIME: "-realtime"}
_NO = FORBIDDEN


@dataclass(frozen=True, slots=True)
class Class:
    """A class of cycles. The first edge is of kind `first`; `steps` as in `components`; ends in `accept`.

    `screen` is an automaton in whose components alone such a cycle can be.
    """

    name: str
    first: Kind
    steps: Steps
    accept: int
    screen: Steps


#            ww   wr   rw   process realtime
_WRITES = ((0, _NO, _NO, 0, 0),)
_INFORMATION = ((0, 0, _NO, 0, 0),)
_NONADJACENT = ((0, 0, 1, 0, 0), (0, 0, _NO, 0, 0))
_AT_LEAST_TWO = ((1, 1, _NO, 1, 1), (1, 1, 2, 1, 1), (3, 3, _NO, 3, 3), (3, 3, 2, 3, 3))
_BACK_AT_ONCE = ((_NO, 1, _NO, _NO, _NO), (_NO, _NO, _NO, _NO, _NO))
_TWO_IN_A_ROW = ((_NO, _NO, 1, _NO, _NO), (1, 1, 1, 1, 1))
CLASSES = (
    Class("G0", Kind.WW, _WRITES, 0, _WRITES),
    Class("G1c", Kind.WR, _INFORMATION, 0, _INFORMATION),
    Class("G-single-item", Kind.RW, _INFORMATION, 0, _NONADJACENT),
    Class("G-nonadjacent-item", Kind.RW, _AT_LEAST_TWO, 3, _NONADJACENT),
    Class("G2-item", Kind.RW, _TWO_IN_A_ROW, 1, ANY_KIND),
)
"""From the strongest proof to the weakest."""
_FRACTURED = Class("fractured-read", Kind.RW, _BACK_AT_ONCE, 1, _NONADJACENT)


@dataclass(frozen=True, slots=True)
class Step:
    """An edge of a cycle: from a transaction to the one of the next step."""

    source: int
    kind: Kind
    level: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle of the class `name`. `shortest`: there is no shorter one of this class in its component."""

    name: str
    steps: tuple[Step, ...]
    shortest: bool


@dataclass(frozen=True, slots=True)
class Undecided:
    """The work was cut short: whether there is a cycle of the class `name` is open."""

    name: str
    transactions: int


def cycles(
    parts: Iterable[Part], transactions: int, budget: Budget, effort: int = EFFORT
) -> Iterator[Cycle | Undecided]:
    """For each component a shortest cycle of each class that it has. Raises LimitReachedError.

    Nodes from `transactions` on are junctions.
    """
    for part in parts:
        yield from _classify(_Component(part, transactions), budget, effort)


def _classify(part: _Component, budget: Budget, effort: int) -> Iterator[Cycle | Undecided]:
    """The classes of one component, level by level."""
    found: list[tuple[int, int]] = []
    for level in LEVELS:
        for strength, wanted in enumerate(CLASSES):
            if any(at < level and better <= strength for better, at in found):
                continue
            budget.check_time()
            result = part.search(wanted, level, effort)
            if result is None:
                continue
            yield result
            if isinstance(result, Cycle):
                found.append((strength, level))
    fractured = part.search(_FRACTURED, PLAIN, effort)
    if fractured is not None:
        yield fractured


def _compiled(edges: Sequence[Sequence[Edge]], junctions: Sequence[bool]) -> Engine | None:
    """The compiled twin of the walks, if it is there."""
    if not AVAILABLE:
        return None
    from checkers.native._engine import Component  # noqa: PLC0415 - it may not be there

    return Component(edges, junctions)


class _Component:
    """One component of the graph, its nodes numbered from 0."""

    def __init__(self, part: Part, transactions: int) -> None:
        self._transactions = transactions
        self._nodes = sorted(part)
        place = {node: number for number, node in enumerate(self._nodes)}
        self._edges: list[list[Edge]] = [
            [(place[target], kind, level) for target, kind, level in part[node]] for node in self._nodes
        ]
        self._screens: dict[tuple[int, int], set[int]] = {}
        self._engine = _compiled(self._edges, [node >= transactions for node in self._nodes])

    def search(self, wanted: Class, level: int, effort: int) -> Cycle | Undecided | None:
        """A shortest cycle of the class, up to `level`."""
        name = wanted.name + _SUFFIX[level]
        starts = [
            start
            for start in sorted(self._screen(wanted.screen, level))
            if self._nodes[start] < self._transactions
        ]
        if self._engine is None:
            best, rejected, cut = self._walk(starts, wanted, level, effort)
        else:
            kinds = [following for state in wanted.steps for following in state]
            found, rejected, cut = self._engine.search(
                starts, int(wanted.first), kinds, wanted.accept, level, effort
            )
            best = [Step(self._nodes[node], Kind(kind), at) for node, kind, at in found]
        if cut and not best:
            return Undecided(name, len(self._nodes))
        return Cycle(name, tuple(best), not cut and len(best) <= rejected) if best else None

    def _walk(
        self, starts: Sequence[int], wanted: Class, level: int, effort: int
    ) -> tuple[list[Step], int, bool]:
        """A shortest cycle, the shortest walk that was none, and whether the effort was used up."""
        best: list[Step] = []
        spent, rejected = 0, len(self._nodes) * len(wanted.steps)
        for start in starts:
            walk = _Walk(self._edges, self._nodes, self._transactions, wanted, level)
            steps = walk.back_to(start, len(best) - 1 if best else len(self._nodes) * len(wanted.steps))
            spent += walk.spent
            if steps and len({step.source for step in steps}) == len(steps):
                best = steps
            elif steps:
                rejected = min(rejected, len(steps))
            if len(best) == 2:
                break
            if spent > effort:
                return best, rejected, True
        return best, rejected, False

    def _screen(self, steps: Steps, level: int) -> set[int]:
        """Where such a cycle can be at all."""
        key = (id(steps), level)
        if key not in self._screens:
            found = components(self._edges, range(len(self._nodes)), steps, level)
            self._screens[key] = {node for members in found for node in members}
        return self._screens[key]


class _Walk:
    """One search in breadth, from a transaction back to itself."""

    def __init__(
        self,
        edges: Sequence[Sequence[Edge]],
        nodes: Sequence[int],
        transactions: int,
        wanted: Class,
        level: int,
    ) -> None:
        self._edges = edges
        self._nodes = nodes
        self._transactions = transactions
        self._class = wanted
        self._level = level
        self.spent = 0
        self._came: dict[tuple[int, int], tuple[tuple[int, int] | None, Kind, int]] = {}
        """From which transaction and state each was reached, by which kind and level."""
        self._passed: dict[tuple[int, int], int] = {}
        """Junctions that were passed, and the one transaction that still has to be reached through them."""

    def back_to(self, start: int, longest: int) -> list[Step]:
        """The steps of a shortest way from `start` to itself of at most `longest`; empty if there is none."""
        goal = (start, self._class.accept)
        frontier = list(self._reached(start, None, 0))
        for _ in range(1, longest + 1):
            if goal in self._came:
                return self._steps(start, goal)
            frontier = [
                there for node, state in frontier for there in self._reached(node, (node, state), state)
            ]
            if not frontier:
                break
        return []

    def _reached(self, origin: int, before: tuple[int, int] | None, state: int) -> Iterator[tuple[int, int]]:
        """What is reached anew by one edge from `origin`; the first edge must be of the first kind."""
        for target, kind, level in self._edges[origin]:
            self.spent += 1
            if level > self._level:
                continue
            if before is None:
                following = 0 if kind is self._class.first else FORBIDDEN
            else:
                following = self._class.steps[state][kind]
            if following == FORBIDDEN:
                continue
            for node in self._through(target, following, origin):
                there = (node, following)
                if there not in self._came:
                    self._came[there] = (before, kind, level)
                    yield there

    def _through(self, target: int, state: int, origin: int) -> Iterator[int]:
        """The target, or if it is a junction the transactions beyond, but not where the edge began."""
        if self._nodes[target] < self._transactions:
            yield target
            return
        stack = [target]
        while stack:
            junction = (stack.pop(), state)
            if junction in self._passed:
                left = self._passed[junction]
                if left not in (_NO, origin):
                    self._passed[junction] = _NO
                    yield left
                continue
            self._passed[junction] = _NO
            for node, _, _ in self._edges[junction[0]]:
                self.spent += 1
                if self._nodes[node] >= self._transactions:
                    stack.append(node)
                elif node == origin:
                    self._passed[junction] = origin
                else:
                    yield node

    def _steps(self, start: int, goal: tuple[int, int]) -> list[Step]:
        way: list[Step] = []
        here: tuple[int, int] | None = goal
        while here is not None:
            before, kind, level = self._came[here]
            source = start if before is None else before[0]
            way.append(Step(self._nodes[source], kind, level))
            here = before
        return way[::-1]


def follows(cycle: Cycle) -> Iterator[tuple[Step, int]]:
    """Every step with the transaction it leads to."""
    for step, after in pairwise((*cycle.steps, cycle.steps[0])):
        yield step, after.source
