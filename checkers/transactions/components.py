"""Strongly connected components: what can be part of a cycle.

Tarjan 1972, without recursion, over pairs of a node and a state of a small automaton that says which kinds of
edges may follow each other. With one state that is the plain algorithm on the edges that are allowed. With
two it finds what can be on a cycle without two consecutive anti-dependencies, in linear time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from checkers.transactions.dependency import Edge, Kind

FORBIDDEN = -1
Steps = Sequence[Sequence[int]]
"""For each state and each Kind but FREE the next state, or FORBIDDEN. FREE keeps the state."""
ANY_KIND: Steps = ((0, 0, 0, 0, 0),)
"""The automaton that allows all edges."""
Edges = Sequence[Sequence[Edge]]


def components(edges: Edges, starts: Iterable[int], steps: Steps, level: int) -> Iterator[list[int]]:
    """Components of at least two nodes, as nodes in order of discovery; a node may be there once per state.

    Only edges up to `level` count. States are left out of what is returned.
    """
    search = _Search(edges, steps, level)
    for start in starts:
        for state in range(len(steps)):
            yield from search.begin(start * len(steps) + state)


class _Search:
    """What was seen, by pairs: the order of discovery, the least that can be reached, and what is open."""

    def __init__(self, edges: Edges, steps: Steps, level: int) -> None:
        self._edges, self._steps, self._level = edges, steps, level
        self._order: dict[int, int] = {}
        self._low: dict[int, int] = {}
        self._open: dict[int, None] = {}

    def begin(self, root: int) -> Iterator[list[int]]:
        """The components of all that can be reached from `root` and was not seen before."""
        if root in self._order:
            return
        order, low = self._order, self._low
        path = [(root, self._enter(root))]
        while path:
            here, following = path[-1]
            for there in following:
                if there not in order:
                    path.append((there, self._enter(there)))
                    break
                if there in self._open:
                    low[here] = min(low[here], order[there])
            else:
                path.pop()
                if path:
                    parent = path[-1][0]
                    low[parent] = min(low[parent], low[here])
                if low[here] == order[here]:
                    yield from self._close(here)

    def _enter(self, here: int) -> Iterator[int]:
        self._order[here] = self._low[here] = len(self._order)
        self._open[here] = None
        return self._following(here)

    def _following(self, here: int) -> Iterator[int]:
        states = len(self._steps)
        node, state = divmod(here, states)
        for target, kind, level in self._edges[node]:
            if level <= self._level:
                following = state if kind is Kind.FREE else self._steps[state][kind]
                if following != FORBIDDEN:
                    yield target * states + following

    def _close(self, here: int) -> Iterator[list[int]]:
        members: list[int] = []
        while not members or members[-1] != here:
            members.append(self._open.popitem()[0])
        if len(members) > 1:
            yield [member // len(self._steps) for member in reversed(members)]
