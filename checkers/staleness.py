"""Staleness: how old what a dirty read shows is, in milliseconds and in operations.

The operations, key by key:

    write  value n, a number never used before: acknowledged by whoever leads
    read   `ok` value {"number": n | None, "marked": bool, "dirty": bool}: what one server has under the key

A dirty read may be stale; how much is measured: the acknowledged writes that are certainly newer than the one
it shows and had completed before it began, and for how long the oldest of them had been acknowledged. Lower
bounds, both. After a failover some of these writes are lost for good: they count as well, since the client
had been told that they happened.

A read that shows a number nobody wrote, or whose write had certainly failed, is a `phantom`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from checkers.faults import faults
from checkers.history import UNTIMED, History, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_MOST = 10


@dataclass(frozen=True, slots=True)
class Staleness:
    """The checker. Unknown if no dirty read was answered."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass for each key
        """Measure every dirty read."""
        measured: list[tuple[Pair, float, int]] = []
        anomalies: list[Anomaly] = []
        for ops in history.by_key().values():
            writes = {pair.invoke.value: pair for pair in ops.pairs if pair.f == "write"}
            reads = [pair for pair in ops.pairs if pair.f == "read" and pair.type == "ok"]
            anomalies += _phantoms(writes, reads)
            measured += [(read, *_age(writes, read)) for read in reads if read.value["dirty"]]
        reasons = () if measured else ("no dirty read was answered",)
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=tuple(anomalies[:_MOST]),
            statistics={"staleness": _measure(history, measured)},
            reasons=reasons,
        )


def _age(writes: Mapping[int, Pair], read: Pair) -> tuple[float, int]:
    """Milliseconds and operations by which the read is behind."""
    shown = writes.get(read.value["number"])
    missing = [
        write
        for write in writes.values()
        if write.precedes(read) and write is not shown and (shown is None or shown.precedes(write))
    ]
    times = [write.completion.time for write in missing if write.completion is not None]
    if not times or UNTIMED in times or read.invoke.time == UNTIMED:
        return 0.0, len(missing)
    return (read.invoke.time - min(times)) / 1e6, len(missing)


def _phantoms(writes: Mapping[int, Pair], reads: Sequence[Pair]) -> Iterator[Anomaly]:
    for read in reads:
        number = read.value["number"]
        if number is None:
            continue
        write = writes.get(number)
        end = read.invoke.index if read.completion is None else read.completion.index
        if write is not None and write.type != "fail" and write.invoke.index < end:
            continue
        why = "that nobody had written" if write is None or write.type != "fail" else "whose write had failed"
        yield Anomaly(
            name="phantom",
            sentence=f"a read of {read.key} on {read.node} shows {number}, {why}",
            operations=(*(() if write is None else write.ops), *read.ops),
        )


def _measure(history: History, measured: Sequence[tuple[Pair, float, int]]) -> dict[str, Any]:
    known = faults(history)
    calm = [m for m in measured if not any(fault.covers(m[0].invoke.index) for fault in known)]
    return {"all": _quantiles(measured), "without_faults": _quantiles(calm)}


def _quantiles(measured: Sequence[tuple[Pair, float, int]]) -> dict[str, Any]:
    return {
        "reads": len(measured),
        "stale": sum(1 for _, _, operations in measured if operations),
        "ms": _spread(sorted(ms for _, ms, _ in measured)),
        "operations": _spread(sorted(operations for _, _, operations in measured)),
    }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    at = {name: values[max(0, ceil(q * len(values)) - 1)] for name, q in (("p50", 0.5), ("p99", 0.99))}
    return {**at, "max": values[-1]}
