"""Shrinking: the fewest operations that still cannot be put in order.

Leaving out an operation is honest only if it makes no impossible history out of a possible one. A read can
always go. A write or compare-and-set can go if no operation that stays can have met the state it leaves: none
needs that state, or those that do ended before it began, or another state was certainly there in between.
Take it out of any order, and every other operation is still possible. So each step keeps "if this has no
order, the whole has none". Within these steps it is Zeller & Hildebrandt's delta debugging (2002): halves,
quarters, and so on.

How much work that may be is counted in configurations and not in time, so that the same history gives the
same evidence, unless the check's own limits end it; then what was reached by then is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from checkers.budget import Budget
from checkers.models import Model, Special, State
from checkers.search import NEVER, Entry, Search, search

_ALLOWANCE = 60_000
"""Configurations for one object in all: about two seconds."""

_RECENT = 2000
"""So many of the last operations are tried alone, before halves of all."""

_Needs = dict[State | Special, tuple[int, int]]


def shrink(
    model: Model, entries: Sequence[Entry], stuck: int, budget: Budget, search: Search = search
) -> list[Entry]:
    """A small part of `entries` without linearization; `stuck` is where the longest prefix with one ends."""
    return _Shrinking(model, budget, search).run(entries, stuck)


class _Shrinking:
    def __init__(self, model: Model, budget: Budget, search: Search) -> None:
        self._model = model
        self._budget = budget
        self._search = search
        self._left = _ALLOWANCE

    def run(self, entries: Sequence[Entry], stuck: int) -> list[Entry]:
        self._kept = list(entries)
        self._keep_if_broken(_until(self._model, entries, stuck))
        if len(self._kept) > _RECENT:
            # Mostly the contradiction is young, and halving a long history costs more than all the rest.
            self._keep_if_broken(self._without(self._kept[:-_RECENT]))
        size = (len(self._kept) + 1) // 2
        while size and self._left > 0:
            shrunk = self._leave_out_chunks(size)
            if not shrunk or size > 1:
                size //= 2
        return self._kept

    def _leave_out_chunks(self, size: int) -> bool:
        """Try to leave out each run of `size` operations, the latest first; whether any could go."""
        before = len(self._kept)
        for start in range(((before - 1) // size) * size, -1, -size):
            candidate = self._without(self._kept[start : start + size])
            if len(candidate) < len(self._kept):
                self._keep_if_broken(candidate)
        return len(self._kept) < before

    def _without(self, chunk: Sequence[Entry]) -> list[Entry]:
        """What is kept without `chunk`, but with those of it that the rest may have met."""
        going = {entry.begin: entry for entry in chunk}
        while True:
            staying = [entry for entry in self._kept if entry.begin not in going]
            needs = _needs(self._model, staying)
            wanted = [begin for begin, entry in going.items() if _is_wanted(self._model, entry, needs)]
            if not wanted:
                return staying
            # What comes back may itself need something that was going.
            for begin in wanted:
                del going[begin]

    def _keep_if_broken(self, candidate: list[Entry]) -> None:
        if self._left <= 0:
            return
        result = self._search(self._model, candidate, self._budget, self._left)
        self._left -= result.configurations
        if result.linearizable is None:
            self._left = 0  # The verdict stands without it; only the evidence stays larger.
        elif not result.linearizable:
            self._kept = candidate


def _is_wanted(model: Model, entry: Entry, needs: _Needs) -> bool:
    """Whether an operation that stays may have met the state that `entry` leaves."""
    state = model.produces(entry.call)
    if state is Special.NONE:
        return False
    if Special.SOME in needs:
        return True
    after, before = needs.get(state, (NEVER, -1))
    return entry.end > after and entry.begin < before


def _needs(model: Model, staying: Sequence[Entry]) -> _Needs:
    """For each needed state, the positions (after, before): who leaves it in time for an operation that needs
    it has ended after the first and begun before the second."""
    needs: _Needs = {}
    ended = sorted((e for e in staying if e.end != NEVER), key=lambda e: e.end, reverse=True)
    latest: list[tuple[int, State]] = []
    for entry in staying:
        while ended and ended[-1].end < entry.begin:
            latest = _latest(model, ended.pop(), latest)
        state = model.requires(entry.call)
        if state is not Special.ANY:
            over = max((begin for begin, left in latest if left != state), default=-1)
            after, before = needs.get(state, (NEVER, -1))
            needs[state] = (min(after, over), max(before, entry.end))
    return needs


def _latest(model: Model, entry: Entry, latest: list[tuple[int, State]]) -> list[tuple[int, State]]:
    """`latest` with `entry`: the latest begin and what it left, and the latest that left something else."""
    left = model.leaves(entry.call)
    if left is Special.NONE:
        return latest
    ranked = sorted([*latest, (entry.begin, left)], key=lambda pair: -pair[0])
    return ranked[:1] + [pair for pair in ranked[1:] if pair[1] != ranked[0][1]][:1]


def _until(model: Model, entries: Sequence[Entry], stuck: int) -> list[Entry]:
    """The history as it was known right after position `stuck`: what had not ended by then is unknown."""
    begun = [entry for entry in entries if entry.begin < stuck]
    told = [e for e in begun if e.end <= stuck or model.produces(e.call) is not Special.NONE]
    return [entry if entry.end <= stuck else entry._replace(end=NEVER) for entry in told]
