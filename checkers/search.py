"""The search for a linearization of one object's operations.

A history is linearizable if its operations can be put in one order that respects real time and that the model
allows (Herlihy & Wing 1990). Wing & Gong 1993 try, depth first, every operation that may come next: one that
began before every other one still to be placed had ended. Lowe 2017 remembers the configurations (which
operations are placed, which state) that led nowhere. The memory is exact: whole configurations, no hashes of
them. A configuration is kept as the first unplaced operation and a bit mask from there on, so its size grows
with concurrency and not with the length of the history.

Three cuts, none of which changes the answer:

* an operation that never changes a state, and is possible now, is placed now and never moved: whatever order
  follows remains possible without it later;
* of equal operations only the one that must end first is tried: a later one can take its place in any order;
* an operation of unknown outcome is placed only if the next one needs it, that is, would not be possible, or
  would have another effect, without it. An order with the fewest such operations has this form.

The worst case stays exponential in concurrency (Gibbons & Korach 1997: the problem is NP-complete), therefore
the budget. No recursion, so long histories do not exhaust the stack. What is *not* here: splitting into
objects, limits, words for people; see `checkers.linearizability`.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from checkers.budget import Budget, LimitReachedError
from checkers.history import Pair
from checkers.models import Call, Model, Special, State

NEVER = sys.maxsize
"""The end of an operation that may take effect at any time after it began, or not at all."""
_CONFIGURATION_BYTES = 240  # a tuple of five, two integers, and its share of a half-empty set (CPython 3.11)
_FRAME_BYTES = 720  # a suspended generator with its lists, and its place on the stack
_CONFIGURATIONS_PER_LOOK_AT_THE_CLOCK = 64


class Entry(NamedTuple):
    """An operation to be placed, between positions `begin` and `end` of the history."""

    pair: Pair
    call: Call
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Result:
    """What the search found. Without an order (`linearizable` false):

    `order` is the linearization of the longest prefix of the history that has one. That prefix ends before
    position `stuck`, where an operation ended that could not be placed before; `states` are those that the
    object may then have had. Undecided (`linearizable` None, with the `reason`), these say how far it came.
    """

    linearizable: bool | None
    order: tuple[Entry, ...]
    stuck: int
    states: tuple[State, ...]
    configurations: int
    reason: str = ""


Search = Callable[[Model, Sequence[Entry], Budget, int], Result]
"""What `search` is, and its compiled sibling."""


class _Configuration(NamedTuple):
    low: int
    """All operations that had to happen up to here, exclusively, are placed."""
    placed: int
    """Bit i: operation low + i is placed as well."""
    used: int
    """Bit i: unknown operation i is placed."""
    state: State
    before: State
    """The state before the last operation, if that was an unknown one, else NONE."""


_Move = tuple[_Configuration, Entry]


def search(model: Model, entries: Sequence[Entry], budget: Budget, allowance: int = NEVER) -> Result:
    """Look for a linearization of `entries`, which must be in order of `begin`.

    At most `allowance` configurations are visited, and no more than the budget permits.
    """
    return _Search(model, entries, budget).run(allowance)


class _Search:
    def __init__(self, model: Model, entries: Sequence[Entry], budget: Budget) -> None:
        self._step = model.step
        self._root = _Configuration(0, 0, 0, model.init, Special.NONE)
        self._must = [entry for entry in entries if entry.end != NEVER]
        self._may = [entry for entry in entries if entry.end == NEVER]
        self._begins = [entry.begin for entry in self._must]
        self._ends = [entry.end for entry in self._must]
        self._may_begins = [entry.begin for entry in self._may]
        self._silent = [model.produces(entry.call) is Special.NONE for entry in self._must]
        self._budget = budget
        self._stuck = -1
        self._states: dict[State, None] = {}
        self._order: tuple[Entry, ...] | None = None
        self._path: list[Entry] = []
        self._seen: set[_Configuration] = set()

    def run(self, allowance: int) -> Result:
        charged = self._budget.charged
        try:
            linearizable, reason = self._decide(allowance), ""
        except LimitReachedError as reached:
            linearizable, reason = None, str(reached)
        finally:
            self._budget.charge(charged - self._budget.charged)
        order = tuple(self._path) if linearizable or self._order is None else self._order
        return Result(linearizable, order, self._stuck, tuple(self._states), len(self._seen), reason)

    def _decide(self, allowance: int) -> bool:
        budget, seen = self._budget, self._seen
        budget.check_time()
        budget.charge(_FRAME_BYTES)
        seen.add(self._root)
        stack = [self._moves(self._root)]
        path = self._path
        everything = len(self._must)
        if not everything:
            return True
        while stack:
            move = next(stack[-1], None)
            if move is None:
                self._retreat(stack)
                continue
            configuration, entry = move
            if configuration in seen:
                continue
            if configuration.low == everything:
                path.append(entry)
                return True
            budget.charge(_CONFIGURATION_BYTES + _FRAME_BYTES + sys.getsizeof(configuration.placed))
            seen.add(configuration)
            if len(seen) % _CONFIGURATIONS_PER_LOOK_AT_THE_CLOCK == 0:
                budget.check_time()
                if len(seen) > allowance:
                    raise LimitReachedError(f"the allowance of {allowance} configurations was used up")
            path.append(entry)
            stack.append(self._moves(configuration))
        return False

    def _retreat(self, stack: list[Iterator[_Move]]) -> None:
        """Take back the last operation, which led nowhere."""
        if self._order is None:
            self._order = tuple(self._path)
        stack.pop()
        self._budget.charge(-_FRAME_BYTES)
        if self._path:
            self._path.pop()

    def _moves(self, configuration: _Configuration) -> Iterator[_Move]:
        """Every configuration that one more operation leads to, the most urgent first."""
        _, _, _, state, before = configuration
        enabled, deadline = self._enabled(configuration)
        self._note(deadline, state)
        step = self._step
        moves = []
        for i in enabled:
            entry = self._must[i]
            possible, after = step(state, entry.call)
            if not possible:
                continue
            if self._silent[i]:
                yield self._place(configuration, i, state), entry
                return
            if before is Special.NONE or step(before, entry.call) != (True, after):
                moves.append((i, entry, after))
        tried = set()
        for i, entry, after in moves:
            if entry.call[:2] not in tried:
                tried.add(entry.call[:2])
                yield self._place(configuration, i, after), entry
        yield from self._unknown_moves(configuration, deadline, tried)

    def _unknown_moves(
        self, configuration: _Configuration, deadline: int, tried: set[tuple[str, object]]
    ) -> Iterator[_Move]:
        low, placed, used, state, before = configuration
        step = self._step
        for i in range(bisect_left(self._may_begins, deadline)):
            entry = self._may[i]
            if used >> i & 1 or entry.call[:2] in tried:
                continue
            tried.add(entry.call[:2])
            possible, after = step(state, entry.call)
            if not possible or after == state:
                continue
            if before is Special.NONE or step(before, entry.call) != (True, after):
                yield _Configuration(low, placed, used | 1 << i, after, state), entry

    def _enabled(self, configuration: _Configuration) -> tuple[list[int], int]:
        """The operations that may come next, first those that end first, and when the first of all ends."""
        low, placed = configuration.low, configuration.placed
        begins, ends = self._begins, self._ends
        deadline = NEVER
        enabled = []
        while True:
            i = low + (~placed & (placed + 1)).bit_length() - 1
            if i >= len(begins) or begins[i] > deadline:
                break
            enabled.append(i)
            deadline = min(deadline, ends[i])
            placed |= placed + 1
        if len(enabled) > 1:
            enabled.sort(key=ends.__getitem__)
        return enabled, deadline

    def _place(self, configuration: _Configuration, i: int, after: State) -> _Configuration:
        low = configuration.low
        placed = configuration.placed | 1 << (i - low)
        if placed & 1:
            run = (~placed & (placed + 1)).bit_length() - 1
            low += run
            placed >>= run
        return _Configuration(low, placed, configuration.used, after, Special.NONE)

    def _note(self, deadline: int, state: State) -> None:
        """Remember how far the history can be explained at most."""
        if deadline > self._stuck:
            self._stuck = deadline
            self._states.clear()
            self._order = None
        if deadline == self._stuck:
            self._states[state] = None
