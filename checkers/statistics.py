"""Statistics: how many operations of which kind, how fast. It measures and never says that anything is wrong.

`statistics` of the verdict: `operations`, `ok`, `fail`, `info` (with what never completed), `processes`,
`duration_s`, `rate_per_s` (operations completed), `latency_ms` of those that were ok, and `by_f` with the
same counts and latencies for each `f`. Quantiles are of the nearest rank: each is a latency that somebody
had. Durations, rates and latencies are left out if the history has no times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Pair
from checkers.verdict import Limits, Verdict

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
_PAIR_BYTES = 40  # an integer and its place in two lists


@dataclass(frozen=True, slots=True)
class Statistics:
    """The checker: valid if there is any operation of a client, else unknown."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """Count and measure."""
        budget = Budget(limits)
        try:
            budget.check_time()
            budget.charge(_PAIR_BYTES * len(history.pairs))
        except LimitReachedError as reached:
            return Verdict("unknown", reasons=(str(reached),))
        if not history.pairs:
            return Verdict("unknown", reasons=("the history has no operation of a client",))
        return Verdict(True, statistics=measure(history))


def measure(history: History) -> dict[str, Any]:
    """The statistics of a history, in the shape of the module's docstring."""
    by_f: dict[str, list[Pair]] = {}
    for pair in history.pairs:
        by_f.setdefault(pair.f, []).append(pair)
    timed = history.timed
    return {
        **_counts(history.pairs),
        "processes": len({pair.invoke.process for pair in history.pairs}),
        **(_speed(history) if timed else {}),
        "by_f": {f: {**_counts(pairs), **(_latency(pairs) if timed else {})} for f, pairs in by_f.items()},
    }


def quantiles_ms(values_ns: Sequence[int]) -> dict[str, float]:
    """p50, p95, p99 and max in milliseconds; empty for no values."""
    ordered = sorted(values_ns)
    if not ordered:
        return {}
    return {name: ordered[ceil(q * len(ordered)) - 1] / 1e6 for name, q in _QUANTILES.items()}


def _counts(pairs: Sequence[Pair]) -> dict[str, int]:
    types = Counter(pair.type for pair in pairs)
    return {"operations": len(pairs), "ok": types["ok"], "fail": types["fail"], "info": types["info"]}


def _speed(history: History) -> dict[str, Any]:
    duration_s = (history.clients[-1].time - history.clients[0].time) / 1e9
    completed = sum(pair.type != "info" for pair in history.pairs)
    return {
        "duration_s": duration_s,
        "rate_per_s": completed / duration_s if duration_s > 0 else None,
        **_latency(history.pairs),
    }


def _latency(pairs: Sequence[Pair]) -> dict[str, Any]:
    return {
        "latency_ms": quantiles_ms(
            [p.latency_ns for p in pairs if p.type == "ok" and p.latency_ns is not None]
        )
    }
