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
from dataclasses import dataclass
from typing import Any

from checkers.budget import Budget, LimitReachedError
from checkers.explanation import Suspect, explain, failures
from checkers.history import History, Op, Pair
from checkers.models import Label, Model, UnknownOperationError
from checkers.native import AVAILABLE, registers
from checkers.search import NEVER, Entry, Result, Search, search
from checkers.verdict import Anomaly, Limits, Valid, Verdict

_BRIEF = 20_000
"""Configurations of the first search of each object: less than a second."""
_ENTRY_BYTES = 450  # an entry, its call, and their places in the lists of a search
_MOST_ANOMALIES = 10
"""A broken database breaks thousands of keys. So many are explained, all are counted."""
_MOST_WORDS = 100
"""So many operations of a prefix are told, the last ones."""


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
            return Verdict("unknown", reasons=("no operation ended with ok, so there is nothing to judge",))
        compiled = self.compiled and registers.fits(self.model)
        return _Check(self.model, pairs, parts, budget, compiled=compiled).verdict()


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


class _Check:
    """The check of one history: results by object, as far as the budget allows."""

    def __init__(
        self,
        model: Model,
        pairs: Mapping[Label, list[Pair]],
        parts: Mapping[Label, list[Entry]],
        budget: Budget,
        *,
        compiled: bool,
    ) -> None:
        self._model = model
        self._compiled = compiled
        self._pairs = pairs
        self._parts = parts
        self._budget = budget
        self._results: dict[Label, Result] = {}
        self._configurations = 0

    def verdict(self) -> Verdict:
        if self._compiled:
            self._results = registers.search_all(self._model, self._parts, self._budget)
            self._configurations = sum(result.configurations for result in self._results.values())
        else:
            self._search_all(self._parts, _BRIEF if len(self._parts) > 1 else NEVER)
            self._search_all([key for key in self._with(None) if len(self._parts) > 1], NEVER)
        broken, open_ = self._with(False), self._with(None)
        valid: Valid = False if broken else "unknown" if open_ else True
        return Verdict(
            valid=valid,
            anomalies=tuple(self._anomaly(key) for key in broken[:_MOST_ANOMALIES]),
            statistics=self._statistics(len(broken), len(open_)),
            reasons=self._summary(open_) if valid == "unknown" else (),
        )

    def _search_all(self, keys: Sequence[Label] | Mapping[Label, list[Entry]], allowance: int) -> None:
        for key in keys:
            result = search(self._model, self._parts[key], self._budget, allowance)
            self._results[key] = result
            self._configurations += result.configurations

    def _with(self, answer: bool | None) -> list[Label]:
        """The objects with this answer."""
        return [key for key, result in self._results.items() if result.linearizable is answer]

    def _anomaly(self, key: Label) -> Anomaly:
        result, part = self._results[key], self._parts[key]
        suspect = Suspect(key, part, failures(self._model, self._pairs[key]), result.stuck)
        find: Search = registers.search if self._compiled else search
        finding = explain(self._model, suspect, self._budget, find)
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
            "operations": sum(len(part) for part in self._parts.values()),
            "objects": len(self._parts),
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
                sentences.append(f"{reached}; {len(keys)} of {len(self._parts)} keys are open: {named}")
        return tuple(sentences)
