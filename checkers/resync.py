"""When a follower was copying everything anew, and so could show a mixture of old and new.

A follower whose leader no longer has the log it needs copies all data again. While it does so it follows no
log, and no order is promised. The evidence is the operation `state`, whose `ok` value has "follower", and
beside other things "syncing", whether such a copy runs; "resyncs", how many were begun since the follower's
applier started; and "started", when that was. A copy was made, or may have been, between two states of which
one is syncing, or of which the later one has counted a copy that the earlier one had not.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checkers.history import History, Pair


@dataclass(frozen=True, slots=True)
class Resync:
    """A copy that follower `follower` made at some time between the lines `begin` and `end`."""

    follower: int
    begin: int
    end: int

    def touches(self, follower: int, pair: Pair) -> bool:
        """Whether an operation on a follower may have run at the same time."""
        last = self.end if pair.completion is None else pair.completion.index
        return follower == self.follower and pair.invoke.index <= self.end and last >= self.begin


def resyncs(history: History) -> list[Resync]:
    """All copies of which the states of followers tell."""
    states: dict[int, list[Pair]] = {}
    for pair in history.pairs:
        if pair.f == "state" and pair.type == "ok":
            states.setdefault(pair.value["follower"], []).append(pair)
    end = history[-1].index if len(history) else 0
    return [copy for follower, told in states.items() for copy in _copies(follower, told, end)]


def _copies(follower: int, states: Sequence[Pair], end: int) -> list[Resync]:
    found = []
    if states and _count(states[0].value) > 0:
        found.append(Resync(follower, 0, _end(states[0])))
    for before, after in itertools.pairwise(states):
        if before.value.get("syncing") or _begun(before.value, after.value):
            found.append(Resync(follower, before.invoke.index, _end(after)))
    if states and states[-1].value.get("syncing"):
        found.append(Resync(follower, states[-1].invoke.index, end))
    return found


def _begun(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a copy was begun between two states."""
    another = _count(after) != _count(before) or after.get("started") != before.get("started")
    return bool(after.get("syncing")) or (another and _count(after) > 0)


def _count(state: Mapping[str, Any]) -> int:
    return state.get("resyncs") or 0


def _end(pair: Pair) -> int:
    assert pair.completion is not None
    return pair.completion.index
