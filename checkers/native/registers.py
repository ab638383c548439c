"""Registers, judged by the compiled searches: the same answers as `checkers.search`, much sooner.

A portfolio decides (`portfolio.hpp`): where every written value is unique, the zones of Gibbons & Korach 1997
in near-linear time; elsewhere the search of `checkers.search` and a frontier of configurations take turns.
All are exact. They run without the interpreter's lock, objects in parallel.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace

from checkers.budget import Budget, LimitReachedError
from checkers.models import Call, Label, Model, State
from checkers.native import AVAILABLE
from checkers.search import NEVER, Entry, Result

METHODS = ("portfolio", "zones", "depth-first", "relaxed-frontier", "frontier")
"""The names of the searches, in the order of their numbers in `portfolio.hpp`; the first stands for all."""

_READ, _WRITE, _CAS, _DIFFERS = range(4)
BRIEF = 100_000
"""Configurations of the first search of each object: well below a second."""
_ENTRY_BYTES = 120
"""An operation in columns, in a part, and in the prefix that explains."""


def fits(model: Model) -> bool:
    """Whether the compiled searches are here and know this object."""
    return AVAILABLE and model.is_register


def search(
    model: Model, entries: Sequence[Entry], budget: Budget, allowance: int = NEVER, *, only: str = METHODS[0]
) -> Result:
    """As `checkers.search.search`. Long histories count as work, even where no configuration was visited."""
    result = search_all(model, {None: entries}, budget, allowance, only=only)[None]
    return replace(result, configurations=max(result.configurations, len(entries) // 64 + 1))


def search_all(
    model: Model,
    parts: Mapping[Label, Sequence[Entry]],
    budget: Budget,
    allowance: int = NEVER,
    *,
    only: str = METHODS[0],
    explained: bool = True,
) -> dict[Label, Result]:
    """A result for each object. Those without linearization are `explained`: with `order` and `states`."""
    from checkers.native import _engine  # noqa: PLC0415 - it is not everywhere

    charged = budget.charged
    try:
        budget.check_time()
        budget.charge(_ENTRY_BYTES * sum(len(part) for part in parts.values()))
        columns = _Columns(model)
        for part in parts.values():
            columns.add(part)
        outcomes = _engine.check_registers(
            columns.sizes,
            columns.kinds,
            columns.a,
            columns.b,
            columns.begins,
            columns.ends,
            seconds=budget.seconds_left,
            memory=budget.bytes_left,
            brief=BRIEF,
            most=0 if allowance == NEVER else allowance,
            threads=os.cpu_count() or 1,
            only=METHODS.index(only),
            explained=explained,
        )
    except LimitReachedError as reached:
        return {key: Result(None, (), -1, (), 0, str(reached)) for key in parts}
    finally:
        budget.charge(charged - budget.charged)
    why = reasons(budget) | {"allowance": f"the allowance of {allowance} configurations was used up"}
    results = {}
    for (key, part), values, outcome in zip(parts.items(), columns.values, outcomes, strict=True):
        answer, _, configurations, stuck, order, states, limit = outcome
        results[key] = Result(
            linearizable=answer,
            order=tuple(part[place] for place in order),
            stuck=stuck,
            states=tuple(values[state] for state in states),
            configurations=configurations,
            reason=why[limit],
        )
    return results


def reasons(budget: Budget) -> dict[str, str]:
    """The words for the limits that the engine names."""
    return {"": "", "time": budget.time_over, "memory": budget.memory_over}


class _Columns:
    """Entries as the engine reads them. States are numbered for each object, the first one is 0."""

    def __init__(self, model: Model) -> None:
        self._init = model.init
        self.sizes = array("q")
        self.kinds = array("B")
        self.a, self.b = array("i"), array("i")
        self.begins, self.ends = array("q"), array("q")
        self.values: list[list[State]] = []

    def add(self, part: Sequence[Entry]) -> None:
        numbers: dict[State, int] = {self._init: 0}
        coded = [_coded(entry.call, numbers) for entry in part]
        self.sizes.append(len(part))
        self.kinds.extend([kind for kind, _, _ in coded])
        self.a.extend([a for _, a, _ in coded])
        self.b.extend([b for _, _, b in coded])
        self.begins.extend([entry.begin for entry in part])
        self.ends.extend([entry.end for entry in part])
        self.values.append(list(numbers))


def _coded(call: Call, numbers: dict[State, int]) -> tuple[int, int, int]:
    f, value, outcome = call
    if f == "read":
        return _READ, numbers.setdefault(value, len(numbers)), 0
    if f == "write":
        return _WRITE, numbers.setdefault(value, len(numbers)), 0
    old, new = value
    compared = numbers.setdefault(old, len(numbers))
    if outcome == "fail":
        return _DIFFERS, compared, 0
    return _CAS, compared, numbers.setdefault(new, len(numbers))
