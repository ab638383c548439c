"""Graph: which transaction must come before which, and why.

The direct serialization graph of Adya 1999, chapter 4, with the two orders of Elle (Kingsbury & Alvaro 2020):

    ww        the second wrote the version that follows the first's
    wr        the second read what the first wrote
    rw        the first read a version, and the second wrote the one that follows (an anti-dependency)
    process   one client did the first before the second
    realtime  the first had ended before the second began

An edge has a *level*: PLAIN if it follows from what was read alone, PROCESS or REALTIME if it holds only for
a database that respects the order of a client's transactions, or of all. For ww and rw of registers that is
the level of the version order they were inferred from.

Nodes are transactions by their number, and after them *junctions*, which say many edges in few: from `a` to a
junction with its kind, from there with FREE to each of its members and to further junctions. They stand for
an edge from `a` to every member but `a` itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from checkers.transactions.transaction import NEVER, Txn


class Kind(IntEnum):
    """Why one transaction comes before another."""

    WW = 0
    WR = 1
    RW = 2
    PROCESS = 3
    REALTIME = 4
    FREE = 5


PLAIN, PROCESS, REALTIME = 0, 1, 2
"""Levels: what the database is believed to respect."""
LEVELS = (PLAIN, PROCESS, REALTIME)
Edge = tuple[int, Kind, int]
"""The node it leads to, why, and its level."""
Part = Mapping[int, Sequence[Edge]]
"""Some nodes, each with its edges to others of them."""


class Graph:
    """Edges between transactions, by their source; two keys may give the same edge."""

    def __init__(self, transactions: int) -> None:
        self.transactions = transactions
        self.edges: list[list[Edge]] = [[] for _ in range(transactions)]
        self.dependencies = 0
        """How many ww, wr and rw edges there are."""

    def __len__(self) -> int:
        return len(self.edges)

    def junction(self) -> int:
        """A new junction."""
        self.edges.append([])
        return len(self.edges) - 1

    def add(self, source: int, target: int, kind: Kind, level: int = PLAIN) -> None:
        """An edge; a transaction has none to itself."""
        if source != target:
            self.edges[source].append((target, kind, level))
            self.dependencies += kind <= Kind.RW


def add_order(graph: Graph, txns: Sequence[Txn], committed: Sequence[bool]) -> None:
    """The order of each client, and the order in real time, of those that committed."""
    last: dict[int | str, int] = {}
    events: list[tuple[int, int, bool]] = []
    for number, txn in enumerate(txns):
        if not committed[number]:
            continue
        before = last.get(txn.process)
        if before is not None:
            graph.add(before, number, Kind.PROCESS, PROCESS)
        last[txn.process] = number
        events.append((txn.begin, number, True))
        if txn.end != NEVER:
            events.append((txn.end, number, False))
    events.sort()
    junction: int | None = None
    fresh = False  # No transaction began since the junction was made: who ends now can still use it.
    for _, number, begins in events:
        if begins:
            if junction is not None:
                graph.add(junction, number, Kind.FREE)
            fresh = False
            continue
        if not fresh:
            following = graph.junction()
            if junction is not None:
                graph.add(junction, following, Kind.FREE)
            junction, fresh = following, True
        assert junction is not None
        graph.add(number, junction, Kind.REALTIME, REALTIME)
