"""Lag: how far a follower is behind its leader, as its readers can tell.

It is measured at each read of a follower: the writes that had been acknowledged before the read began and
that it lacks, and for how long the oldest of them had been acknowledged. That is a lower bound: the follower
may have been further behind than a read can show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from checkers.faults import Fault, faults
from checkers.history import UNTIMED, History, Pair
from checkers.numbered_writes import Read, Writes, end, merged, where, words
from checkers.verdict import Anomaly

_MOST_POINTS = 500


@dataclass(frozen=True, slots=True)
class Lag:
    """How far one read was behind: `missing` are the acknowledged writes it lacks, oldest first."""

    read: Read
    missing: Sequence[Pair]

    @property
    def operations(self) -> int:
        """How many writes."""
        return len(self.missing)

    def is_explained_by(self, fault: Fault) -> bool:
        """Whether the fault was in force at any time since the oldest missing write was acknowledged."""
        at = self.read.pair.invoke.index
        since = end(self.missing[0]) if self.missing else at
        return fault.begin <= at and fault.end >= since

    @property
    def ms(self) -> float:
        """For how long the oldest of them had been acknowledged when the read began."""
        if not self.missing or self.missing[0].completion is None:
            return 0.0
        since, at = self.missing[0].completion.time, self.read.pair.invoke.time
        return 0.0 if UNTIMED in (since, at) else (at - since) / 1e6


def lag_of(read: Read, writes: Writes) -> Lag:
    """The lag that a read shows."""
    return Lag(read, writes.missing(read, read.pair.invoke.index))


def weakness(lags: Sequence[Lag], history: History) -> Anomaly | None:
    """The anomaly `replication-lag`, if any read was stale: its worst case, and quantiles."""
    worst = max(lags, key=lambda lag: (lag.ms, lag.operations), default=None)
    if worst is None or not worst.missing:
        return None
    known = faults(history)
    calm = [lag for lag in lags if not any(lag.is_explained_by(fault) for fault in known)]
    measured = measure(lags)
    return Anomaly(
        name="replication-lag",
        sentence=f"followers lagged by up to {worst.ms:.0f} ms and {measured['operations']['max']} "
        f"acknowledged writes: {where(worst.read)} lacked {words(worst.missing[0])}",
        operations=merged(*worst.missing[0].ops, *worst.read.pair.ops),
        details={**measured, "without_faults": measure(calm), "series": series(lags)},
    )


def measure(lags: Sequence[Lag]) -> dict[str, Any]:
    """Quantiles over reads, in milliseconds and in writes."""
    return {
        "reads": len(lags),
        "stale_reads": sum(1 for lag in lags if lag.missing),
        "ms": _quantiles([round(lag.ms, 3) for lag in lags]),
        "operations": _quantiles([lag.operations for lag in lags]),
    }


def series(lags: Sequence[Lag]) -> list[dict[str, Any]]:
    """The lag of each node over time: {"label", "unit", "points": [[when a read completed, in ns, ms], ..]}.

    Of many reads in a row only the furthest behind is a point, so that there are no more than _MOST_POINTS.
    """
    points: dict[str, list[tuple[int, float]]] = {}
    for lag in lags:
        pair = lag.read.pair
        if pair.completion is not None and pair.completion.time != UNTIMED:
            label = pair.node or f"follower {lag.read.server}"
            points.setdefault(label, []).append((pair.completion.time, round(lag.ms, 3)))
    return [
        {"label": label, "unit": "ms", "points": _thinned(sorted(points[label]))} for label in sorted(points)
    ]


def _thinned(points: Sequence[tuple[int, float]]) -> list[list[float]]:
    stride = ceil(len(points) / _MOST_POINTS)
    stretches = (points[at : at + stride] for at in range(0, len(points), stride))
    peaks = (max(stretch, key=lambda point: point[1]) for stretch in stretches)
    return [[time_ns, ms] for time_ns, ms in peaks]


def _quantiles(values: Sequence[float]) -> dict[str, float | None]:
    """Nearest-rank quantiles."""
    ranked = sorted(values)
    if not ranked:
        return {"p50": None, "p99": None, "max": None}
    return {name: ranked[ceil(q * len(ranked)) - 1] for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1))}
