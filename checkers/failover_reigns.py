"""Reigns: who was named leader when, as far as the agency's own answers tell.

An `observe` is one linearizable read of the agency; its `ok` value:

    {"leader": node | None,              whom the agency names
     "health": {node: "GOOD" | "BAD" | "FAILED"}}    what its supervision thinks of each server

A *reign* is a maximal row of observations that name one node. Between two observations that name different
ones the change took place at an unknown moment, so a reign has two lengths: what is certain, from the end of
its first observation to the begin of its last, and what is possible, from the begin of the last observation
before it to the end of the first one after it. Real time is the order of lines, as everywhere.

A leader that was named and replaced between two observations is not seen. Whoever judges must leave alone
what a reign unseen in a gap could explain: `gap_at` says how long nobody looked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from checkers.history import History, Pair

FOREVER = 1 << 62
UNSEEN_NS = 1_000_000_000
"""No leader is named and replaced within this time: a supervision waits at least so long for a heartbeat."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One successful look at the agency: the lines between which it happened, and what was seen."""

    begin: int
    end: int
    time_ns: int
    leader: str | None
    health: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reign:
    """One node as leader. Lines of the history: `certain` inside `possible`, both ends included."""

    node: str
    possible: tuple[int, int]
    certain: tuple[int, int]
    first_seen_ns: int

    def may_cover(self, begin: int, end: int) -> bool:
        """Whether it may have been in force at some line between these."""
        return self.possible[0] <= end and begin <= self.possible[1]


@dataclass(frozen=True, slots=True)
class Reigns:
    """All reigns of a history, and the observations behind them."""

    observations: tuple[Observation, ...]
    reigns: tuple[Reign, ...]

    @staticmethod
    def of(history: History) -> Reigns:
        """Read them from the `observe` operations."""
        seen = sorted(
            (_observation(p) for p in history.pairs if p.f == "observe" and p.type == "ok"),
            key=lambda each: each.end,
        )
        return Reigns(tuple(seen), tuple(_reigns(seen)))

    def may_reign(self, node: str, begin: int, end: int) -> bool:
        """Whether the node may have been named leader at some line between these."""
        return any(reign.node == node and reign.may_cover(begin, end) for reign in self.reigns)

    def before(self, node: str, line: int) -> Reign | None:
        """The node's last reign that may have begun before a line."""
        return next((r for r in reversed(self.reigns) if r.node == node and r.possible[0] < line), None)

    def named(self, begin: int, end: int) -> frozenset[str | None]:
        """Everybody who was seen to be named at some time between these lines, and by the looks around them.

        Empty if somebody may have been whom no look saw: without a look before and after, or where two of
        them are further apart than UNSEEN_NS.
        """
        before = bisect_right(self.observations, begin, key=attrgetter("end")) - 1
        after = next(
            (n for n in range(max(before, 0), len(self.observations)) if self.observations[n].begin >= end),
            None,
        )
        if before < 0 or after is None:
            return frozenset()
        seen = self.observations[before : after + 1]
        if any(later.time_ns - earlier.time_ns > UNSEEN_NS for earlier, later in pairwise(seen)):
            return frozenset()
        return frozenset(each.leader for each in seen)

    def gap_at(self, begin: int, end: int) -> int:
        """The longest time in ns around these lines in which nobody looked at the agency."""
        before = max((o.time_ns for o in self.observations if o.end <= begin), default=None)
        after = min((o.time_ns for o in self.observations if o.begin >= end), default=None)
        return FOREVER if before is None or after is None else after - before


def _observation(pair: Pair) -> Observation:
    assert pair.completion is not None
    value = pair.completion.value
    return Observation(
        begin=pair.invoke.index,
        end=pair.completion.index,
        time_ns=pair.completion.time,
        leader=value["leader"],
        health=value.get("health", {}),
    )


def _reigns(seen: Sequence[Observation]) -> list[Reign]:
    """Rows of equal observations. Overlapping ones that disagree may be told in either order, so a row's
    possible length is taken from those that certainly came before and after it.
    """
    rows: list[list[Observation]] = []
    for each in seen:
        if rows and rows[-1][0].leader == each.leader:
            rows[-1].append(each)
        else:
            rows.append([each])
    reigns = []
    for place, row in enumerate(rows):
        leader = row[0].leader
        if leader is None:
            continue
        first = rows[place - 1][-1].begin if place else 0
        last = rows[place + 1][0].end if place + 1 < len(rows) else FOREVER
        certain = (row[0].end, max(each.begin for each in row))
        reigns.append(Reign(leader, (min(first, row[0].begin), last), certain, row[0].time_ns))
    return reigns
