"""Explanation: why one object's operations have no order, in one sentence and with few operations.

The operations that shrinking leaves point at an observation (a read, or a compare-and-set that succeeded)
that cannot be right. Each pattern below is by itself a proof that no order exists, checked against *all*
operations of the object, so that the sentence is true of the whole history and not only of what was left:

* phantom: it saw a value that nothing had written; aborted-read: only a failed operation would have;
* future-read: it saw a value whose every writer began after it had ended;
* stale-read: some other value was certainly there in between: an operation that set or saw it ended before
  the observation began, and began after every writer of the seen value had ended, but for writers that only
  began when the observation had ended;
* lost-update: more compare-and-sets took a value away than were ever put there.

What fits no pattern is called non-linearizable and shows all operations that shrinking left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checkers.budget import Budget
from checkers.history import Pair
from checkers.models import Call, Label, Model, Special, State, UnknownOperationError
from checkers.search import NEVER, Entry, Search, search
from checkers.shrinking import shrink


@dataclass(frozen=True, slots=True)
class Finding:
    """A name from the literature, a plain sentence, and the operations that show it."""

    name: str
    sentence: str
    evidence: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """An object without linearization: its operations, those that failed, and where its good prefix ends."""

    key: Label
    entries: Sequence[Entry]
    failed: Sequence[Entry]
    stuck: int


def explain(model: Model, suspect: Suspect, budget: Budget, search: Search = search) -> Finding:
    """The plainest true sentence about a history that has no linearization."""
    core = shrink(model, suspect.entries, suspect.stuck, budget, search)
    whole = _Whole(model, suspect)
    for entry in core:
        needed = model.requires(entry.call)
        if entry.end != NEVER and not isinstance(needed, Special):
            finding = next(whole.patterns(entry, needed), None)
            if finding is not None and len(finding.evidence) <= max(len(core), 3):
                return finding
    return whole.no_order(core)


class _Whole:
    """All operations of the object, asked about one observation."""

    def __init__(self, model: Model, suspect: Suspect) -> None:
        self._model = model
        self._suspect = suspect

    def patterns(self, seen: Entry, needed: State) -> Iterator[Finding]:
        others = [e for e in self._suspect.entries if e.begin != seen.begin]
        writers = [e for e in others if self._model.produces(e.call) == needed]
        if needed != self._model.init:
            yield from self._without_writer(seen, needed, writers)
        yield from self._stale(seen, needed, writers)
        yield from self._taken_twice(needed, writers)

    def _without_writer(self, seen: Entry, needed: State, writers: Sequence[Entry]) -> Iterator[Finding]:
        value, words = self._model.describe_state(needed), self._saw(seen)
        failed = [e for e in self._suspect.failed if self._model.produces(e.call) == needed]
        if not writers and failed:
            yield Finding(
                "aborted-read", f"{words} although {self._words(failed[0])} had failed", (seen, failed[0])
            )
        elif not writers:
            yield Finding("phantom", f"{words} although nothing had written {value}", (seen,))
        elif all(writer.begin > seen.end for writer in writers):
            first = min(writers, key=lambda e: e.begin)
            yield Finding("future-read", f"{words} before {self._words(first)} began", (seen, first))

    def _stale(self, seen: Entry, needed: State, writers: Sequence[Entry]) -> Iterator[Finding]:
        """Something else was there after the last writer of the seen value and before the observation."""
        writers = [writer for writer in writers if writer.begin < seen.end]
        over = max((writer.end for writer in writers), default=-1)
        others = [e for e in self._suspect.entries if over < e.begin and e.end < seen.begin]
        others = [e for e in others if self._model.leaves(e.call) not in (needed, Special.NONE)]
        if not others:
            return
        # A write says more than a read of what was written, and the latest is the plainest.
        other = max(others, key=lambda e: (self._model.produces(e.call) is not Special.NONE, e.begin))
        last = max(writers, key=lambda e: e.end, default=None)
        if self._model.produces(other.call) is Special.NONE:
            why = f"after an earlier {self._words(other)}"
        else:
            why = f"although {self._words(other)} had completed before it began"
        evidence = (seen, other) if last is None else (seen, other, last)
        yield Finding("stale-read", f"{self._saw(seen)} {why}", evidence)

    def _taken_twice(self, needed: State, writers: Sequence[Entry]) -> Iterator[Finding]:
        takers = [
            e
            for e in self._suspect.entries
            if e.end != NEVER
            and self._model.requires(e.call) == needed
            and self._model.produces(e.call) not in (needed, Special.NONE)
        ]
        given = len(writers) + (needed == self._model.init)
        if len(takers) > max(given, 1):
            shown = " and ".join(self._words(e) for e in takers[:2])
            words = f"{shown} both" if len(takers) == 2 else f"{shown} and {len(takers) - 2} more all"
            times = "once" if given == 1 else f"{given} times"
            value = self._model.describe_state(needed)
            sentence = f"{words} succeeded although the value became {value} only {times}"
            yield Finding("lost-update", sentence, (*takers, *writers))

    def no_order(self, core: Sequence[Entry]) -> Finding:
        """Nothing plainer is known than that no order exists."""
        observed = [e for e in core if e.end != NEVER and self._model.requires(e.call) is not Special.ANY]
        last = max(observed, key=lambda e: e.end)
        sentence = f"{self._saw(last)}, which no order of these {len(core)} operations in real time allows"
        return Finding("non-linearizable", sentence, tuple(core))

    def _saw(self, entry: Entry) -> str:
        """The words for what cannot be right about an observation."""
        silent = self._model.produces(entry.call) is Special.NONE
        return self._words(entry) if silent else f"{self._words(entry)} succeeded"

    def _words(self, entry: Entry) -> str:
        return self._model.describe_operation(entry.call, self._suspect.key)


def failures(model: Model, pairs: Sequence[Pair]) -> list[Entry]:
    """The operations that failed, as if nobody knew that they had."""
    failed = []
    for pair in pairs:
        call = _call(model, Pair(pair.invoke, None)) if pair.type == "fail" else None
        if call is not None:
            failed.append(Entry(pair, call, pair.invoke.index, NEVER))
    return failed


def _call(model: Model, pair: Pair) -> Call | None:
    try:
        return model.call(pair)
    except UnknownOperationError:
        return None  # It did nothing, so it may have asked for anything.
