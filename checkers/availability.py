"""Availability: which part of what was asked was answered, and how long nobody was.

It measures and never says that a promise of safety was broken: a database that answers nothing is perfectly
consistent. `statistics` of the verdict:

    ratio                share of `ok` among all operations of clients, from 0 to 1
    ratio_inside_faults  the same of those invoked while any fault was in force; None without any
    ratio_outside_faults the same of all others; None without any
    by_fault             {family: the same of those invoked while such a fault was in force}
    longest_gap_ms       the longest time without an `ok` completion, from the first invocation to the last
                         completion; left out if the history has no times
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from checkers.budget import Budget, LimitReachedError
from checkers.faults import Fault, faults
from checkers.history import History, Pair
from checkers.verdict import Limits, Verdict

_PAIR_BYTES = 48  # places in three lists, and an integer


@dataclass(frozen=True, slots=True)
class Availability:
    """The checker: valid if anything was `ok`, else unknown, because then nothing can be judged at all."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """Measure."""
        budget = Budget(limits)
        try:
            budget.check_time()
            budget.charge(_PAIR_BYTES * len(history.pairs))
        except LimitReachedError as reached:
            return Verdict("unknown", reasons=(str(reached),))
        statistics = _measure(history)
        if not statistics["ratio"]:
            return Verdict("unknown", statistics=statistics, reasons=("no operation ended with ok",))
        return Verdict(True, statistics=statistics)


def _measure(history: History) -> dict[str, Any]:
    found = faults(history)
    inside = [pair for pair in history.pairs if _covered(pair, found)]
    outside = [pair for pair in history.pairs if not _covered(pair, found)]
    gap = {"longest_gap_ms": _longest_gap_ns(history) / 1e6} if history.timed else {}
    return {
        "operations": len(history.pairs),
        "ratio": _ratio(history.pairs),
        "ratio_inside_faults": _ratio(inside),
        "ratio_outside_faults": _ratio(outside),
        "by_fault": {
            family: _ratio(
                [pair for pair in inside if _covered(pair, [f for f in found if f.family == family])]
            )
            for family in sorted({fault.family for fault in found})
        },
        **gap,
    }


def _covered(pair: Pair, found: Sequence[Fault]) -> bool:
    return any(fault.covers(pair.invoke.index) for fault in found)


def _ratio(pairs: Sequence[Pair]) -> float | None:
    return sum(pair.type == "ok" for pair in pairs) / len(pairs) if pairs else None


def _longest_gap_ns(history: History) -> int:
    if not len(history.clients):
        return 0
    oks = sorted(op.time for op in history.clients if op.type == "ok")
    moments = [history.clients[0].time, *oks, history.clients[-1].time]
    return max(later - earlier for earlier, later in pairwise(moments))
