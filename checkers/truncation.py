"""Truncation: a collection that is emptied again and again holds exactly what was added since.

Operations: `add` of an element never added before, `truncate`, and `elements`, whose `ok` value is all that
the collection holds, as of one moment. An element whose addition, or whose first showing, ended before an
acknowledged truncation began is gone for good: if it is shown by whatever begins later, the truncation is
lost (a removal is a write). An acknowledged element must be shown unless some truncation may have come after
it.

Not here: collections that are never truncated (`checkers.set_full`, which also knows about concurrency).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Pair
from checkers.numbered_writes import end, merged
from checkers.verdict import Anomaly, Limits, Verdict

_MOST_ANOMALIES = 8
_ELEMENT_BYTES = 100


@dataclass(frozen=True, slots=True)
class Truncation:
    """The checker. Anomalies: `lost-write`, which without `durable` is a weakness, and `phantom`."""

    durable: bool = True

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge all reads; unknown if there is none, or a limit was reached."""
        budget = Budget(limits)
        try:
            facts = _Facts.of(history, budget)
            losses, phantoms = [*_returned(facts), *_missing(facts)], [*_phantoms(facts)]
            budget.check_time()
        except LimitReachedError as reached:
            return Verdict("unknown", reasons=(str(reached),))
        anomalies = [*phantoms, *(losses if self.durable else ())]
        return Verdict(
            valid=False if anomalies else True if facts.reads else "unknown",
            anomalies=(*phantoms[:_MOST_ANOMALIES], *(losses[:_MOST_ANOMALIES] if self.durable else ())),
            weaknesses=() if self.durable else tuple(losses[:_MOST_ANOMALIES]),
            statistics={
                "reads": len(facts.reads),
                "truncations": len(facts.truncations),
                "anomalies": len(anomalies),
            },
            reasons=() if anomalies or facts.reads else ("no read succeeded",),
        )


@dataclass(frozen=True, slots=True)
class _Facts:
    """`there` is by which line an element was certainly there, and who says so."""

    adds: dict[int, Pair]
    reads: list[Pair]
    truncations: list[Pair]
    there: dict[int, Pair]

    @staticmethod
    def of(history: History, budget: Budget) -> _Facts:
        pairs = history.pairs
        adds = {pair.invoke.value: pair for pair in pairs if pair.f == "add"}
        reads = [pair for pair in pairs if pair.f == "elements" and pair.type == "ok"]
        there = {element: pair for element, pair in adds.items() if pair.type == "ok"}
        for read in reads:
            budget.charge(_ELEMENT_BYTES * len(read.value))
            for element in read.value:
                if element not in there or end(read) < end(there[element]):
                    there[element] = read
        truncations = [pair for pair in pairs if pair.f == "truncate" and pair.type != "fail"]
        return _Facts(adds, reads, truncations, there)


def _returned(facts: _Facts) -> Iterator[Anomaly]:
    """Elements that a truncation had removed."""
    done = sorted((pair for pair in facts.truncations if pair.type == "ok"), key=end)
    for read in facts.reads:
        before = bisect_left(done, read.invoke.index, key=end)
        last = max(done[:before], key=lambda pair: pair.invoke.index, default=None)
        if last is None:
            continue
        for element in read.value:
            if end(facts.there[element]) < last.invoke.index:
                yield Anomaly(
                    name="lost-write",
                    sentence=f"element {element} is there after a truncation that had removed it",
                    operations=merged(*facts.there[element].ops, *last.ops, *read.ops),
                )
                break


def _missing(facts: _Facts) -> Iterator[Anomaly]:
    """Acknowledged elements that are not shown, although no truncation can have removed them."""
    acknowledged = sorted((pair for pair in facts.adds.values() if pair.type == "ok"), key=end)
    for read in facts.reads:
        shown = frozenset(read.value)
        # A truncation may have come after an element unless it had ended before the addition began.
        line = max((_last_line(cut) for cut in facts.truncations if cut.invoke.index < end(read)), default=-1)
        for pair in acknowledged[: bisect_left(acknowledged, read.invoke.index, key=end)]:
            if pair.invoke.index > line and pair.invoke.value not in shown:
                yield Anomaly(
                    name="lost-write",
                    sentence=f"element {pair.invoke.value} was acknowledged and is not there, although "
                    "nothing was truncated since",
                    operations=merged(*pair.ops, *read.ops),
                )
                break


def _last_line(cut: Pair) -> float:
    return end(cut) if cut.type == "ok" else float("inf")


def _phantoms(facts: _Facts) -> Iterator[Anomaly]:
    """Elements that nobody had added, or whose addition had failed."""
    for read in facts.reads:
        for element in read.value:
            pair = facts.adds.get(element)
            if pair is None or pair.type == "fail" or pair.invoke.index > end(read):
                why = "though its addition had failed" if pair is not None else "that nobody added"
                yield Anomaly(
                    name="phantom",
                    sentence=f"a read shows element {element}, {why}",
                    operations=merged(*(() if pair is None else pair.ops), *read.ops),
                )
