"""Linearizability: every operation seems to happen at once, somewhere between its invocation and completion.

Herlihy & Wing 1990. The property is local, so each object (key) is judged alone, P-compositionality in the
words of Horn & Kroening 2015. `ok` operations must be placed; `fail` ones did nothing; `info` ones may take
effect at any time after they began, or never; a read that did not answer says nothing.

Every object is first searched briefly and then, if that was not enough, with all that the limits leave, so
that one hard object does not hide a violation at an easy one. A violation at one object decides; if none is
found and a limit cut a search short, the answer is "unknown" and says how far it came.

Two engines search: `checkers.search`, which is meant to be read, and `checkers.native.registers`, which is
compiled. They give the same answers; tests hold them to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checkers.budget import Budget, LimitReachedError
from checkers.explanation import Suspect, explain, failures
from checkers.history import History, Op, Pair
from checkers.models import Label, Model, UnknownOperationError
from checkers.native import AVAILABLE, register_lines, registers
from checkers.search import NEVER, Entry, Result, Search, search
from checkers.verdict import Anomaly, Limits, Valid, Verdict

_BRIEF = 20_000
"""Configurations of the first search of each object: less than a second."""
_ENTRY_BYTES = 450  # an entry, its call, and their places in the lists of a search
_MOST_ANOMALIES = 10
"""A broken database breaks thousands of keys. So many are explained, all are counted."""
_MOST_WORDS = 100
"""So many operations of a prefix are told, the last ones."""
_NOTHING = Verdict("unknown", reasons=("no operation ended with ok, so there is nothing to judge",))


@dataclass(frozen=True, slots=True)
class Linearizable:
    """The checker: every object behaves as `model` says. `details` of an anomaly:

    `key`; `prefix`, the longest linearizable prefix in one possible order, in words (its last 100, of
    `prefix_length`), which ends before the line `prefix_ends_at_index`; `unplaced`, the operations that had
    begun by then and found no place; `states`, which the object may have had then.

    `compiled` is false to have the readable search alone.
    """

    model: Model
    compiled: bool = AVAILABLE

    def check(self, history: History, limits: Limits) -> Verdict:
        """False if some object has no linearization, "unknown" if a limit was reached or nothing judged."""
        budget = Budget(limits)
        try:
            budget.charge(_ENTRY_BYTES * len(history.pairs))
            pairs = self.model.partition(history.pairs)
            parts = {key: entries(self.model, some) for key, some in pairs.items()}
        except LimitReachedError as reached:
            return Verdict("unknown", reasons=(f"{reached} before the search began",))
        except UnknownOperationError as error:
            return Verdict("unknown", reasons=(f"the model {self.model.name} does not fit: {error}",))
        if not any(entry.end != NEVER for part in parts.values() for entry in part):
            return _NOTHING
        if self.compiled and registers.fits(self.model):
            results = registers.search_all(self.model, parts, budget)
            find: Search = registers.search
        else:
            results = _search_all(self.model, parts, budget)
            find = search
        return _Check(self.model, budget, find=find, results=results, pairs=pairs, parts=parts).verdict()

    def check_lines(self, text: bytes, limits: Limits) -> Verdict | None:
        """Judge the content of a file of JSON lines; None if it must be read as a history first."""
        if not self.compiled:
            return None
        budget = Budget(limits)
        try:
            lines = register_lines.read(self.model, text, budget)
        except LimitReachedError as reached:
            return Verdict("unknown", reasons=(f"{reached} before the search began",))
        if lines is None:
            return None
        if not lines.judged:
            return _NOTHING
        results, orders = lines.results(budget)
        pairs: dict[Label, list[Pair]] = {}
        parts: dict[Label, list[Entry]] = {}
        for key in _with(results, False)[:_MOST_ANOMALIES]:
            pairs[key] = lines.pairs(key)
            parts[key] = entries(self.model, pairs[key])
            results[key] = register_lines.with_order(results[key], parts[key], orders[key])
        return _Check(
            self.model,
            budget,
            find=registers.search,
            results=results,
            pairs=pairs,
            parts=parts,
            operations=lines.operations,
        ).verdict()


def entries(model: Model, pairs: Sequence[Pair]) -> list[Entry]:
    """What the search has to place. Raises UnknownOperationError."""
    placeable = []
    for pair in pairs:
        call = model.call(pair)
        if call is not None:
            ended = pair.completion is not None and call.outcome != "info"
            end = pair.completion.index if ended and pair.completion is not None else NEVER
            placeable.append(Entry(pair, call, pair.invoke.index, end))
    return placeable


def _search_all(model: Model, parts: Mapping[Label, list[Entry]], budget: Budget) -> dict[Label, Result]:
    """A result for each object by the readable search, as far as the budget allows."""
    several = len(parts) > 1
    results = {key: search(model, part, budget, _BRIEF if several else NEVER) for key, part in parts.items()}
    for key in _with(results, None) if several else ():
        longer = search(model, parts[key], budget, NEVER)
        both = results[key].configurations + longer.configurations
        results[key] = replace(longer, configurations=both)
    return results


def _with(results: Mapping[Label, Result], answer: bool | None) -> list[Label]:
    """The objects with this answer."""
    return [key for key, result in results.items() if result.linearizable is answer]


class _Check:
    """The verdict on one history by the results of its objects, of which the broken ones are explained."""

    def __init__(
        self,
        model: Model,
        budget: Budget,
        *,
        find: Search,
        results: Mapping[Label, Result],
        pairs: Mapping[Label, list[Pair]],
        parts: Mapping[Label, list[Entry]],
        operations: int | None = None,
    ) -> None:
        """`pairs` and `parts` have the broken objects at least; `operations` counts those of all objects."""
        self._model = model
        self._budget = budget
        self._find = find
        self._results = results
        self._pairs = pairs
        self._parts = parts
        self._operations = sum(map(len, parts.values())) if operations is None else operations
        self._configurations = sum(result.configurations for result in results.values())

    def verdict(self) -> Verdict:
        broken, open_ = _with(self._results, False), _with(self._results, None)
        valid: Valid = False if broken else "unknown" if open_ else True
        return Verdict(
            valid=valid,
            anomalies=tuple(self._anomaly(key) for key in broken[:_MOST_ANOMALIES]),
            statistics=self._statistics(len(broken), len(open_)),
            reasons=self._summary(open_) if valid == "unknown" else (),
        )

    def _anomaly(self, key: Label) -> Anomaly:
        result, part = self._results[key], self._parts[key]
        suspect = Suspect(key, part, failures(self._model, self._pairs[key]), result.stuck)
        finding = explain(self._model, suspect, self._budget, self._find)
        ops: dict[int, Op] = {op.index: op for entry in finding.evidence for op in entry.pair.ops}
        return Anomaly(
            name=finding.name,
            sentence=finding.sentence,
            operations=tuple(ops[index] for index in sorted(ops)),
            details=self._details(key, part, result),
        )

    def _details(self, key: Label, part: Sequence[Entry], result: Result) -> dict[str, Any]:
        def words(entry: Entry) -> str:
            return self._model.describe_operation(entry.call, key)

        placed = {entry.begin for entry in result.order}
        return {
            "key": key,
            "operations": len(part),
            "prefix_length": len(result.order),
            "prefix": [words(entry) for entry in result.order[-_MOST_WORDS:]],
            "prefix_ends_at_index": result.stuck,
            "unplaced": [words(e) for e in part if e.begin not in placed and e.begin < result.stuck < NEVER],
            "states": [self._model.describe_state(state) for state in result.states],
        }

    def _statistics(self, broken: int, open_: int) -> dict[str, Any]:
        return {
            "model": self._model.name,
            "operations": self._operations,
            "objects": len(self._results),
            "objects_not_linearizable": broken,
            "objects_undecided": open_,
            "configurations": self._configurations,
        }

    def _summary(self, open_: Sequence[Label]) -> tuple[str, ...]:
        """One sentence for each limit, however many objects it left open."""
        sentences = []
        for reason in dict.fromkeys(self._results[key].reason for key in open_):
            keys = [key for key in open_ if self._results[key].reason == reason]
            far = self._results[keys[0]].stuck
            reached = f"{reason} after {self._configurations} configurations"
            if keys == [None]:
                sentences.append(
                    f"{reached}; the history can be explained up to index {far}, the rest is open"
                )
            else:
                named = ", ".join(str(key) for key in keys[:5]) + (", …" if len(keys) > 5 else "")
                sentences.append(f"{reached}; {len(keys)} of {len(self._results)} keys are open: {named}")
        return tuple(sentences)
