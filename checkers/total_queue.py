"""Total queue: what goes in comes out, once. In which order is not asked.

Operations: `enqueue` with an element, `dequeue`, whose `ok` value is an element, and `drain`, whose `ok`
value lists all that was left. With `key`, each key is a queue of its own. An element that was acknowledged n
times and may have been enqueued m times (n, and those with an unknown outcome) must come out at least n times
and at most m times:

    unexpected  it came out though nobody ever enqueued it, or only an enqueue that had failed
    duplicated  it came out more often than it may have been enqueued
    lost        it came out less often than it was acknowledged

A dequeue of unknown outcome may have taken any element, so a lack is only called a loss where there are more
elements lacking than such dequeues. Whether all came out can be said only after a drain that was acknowledged
and that began after everything else had ended; without one the answer is unknown if anything lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Pair
from checkers.models import freeze, text
from checkers.verdict import Anomaly, Limits, Valid, Verdict

_ELEMENT_BYTES = 300  # its places in counters
_MOST_ANOMALIES = 10
"""So many of each kind are told; all are counted."""


class _ShapeError(ValueError):
    """An operation does not belong to a queue."""


@dataclass(frozen=True, slots=True)
class TotalQueue:
    """The checker. `statistics`: `enqueued` (and acknowledged), `dequeued`, and the anomalies by name."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge every queue."""
        budget = Budget(limits)
        keys: dict[int | str | None, list[Pair]] = {}
        try:
            budget.charge(_ELEMENT_BYTES * len(history.pairs))
            budget.check_time()
            for pair in history.pairs:
                keys.setdefault(pair.key, []).append(pair)
            queues = [_Queue(key, pairs) for key, pairs in keys.items()]
        except (LimitReachedError, _ShapeError) as error:
            return Verdict("unknown", reasons=(str(error),))
        anomalies = tuple(anomaly for queue in queues for anomaly in queue.anomalies())
        reasons = () if anomalies else tuple(reason for queue in queues for reason in queue.doubts())
        if not any(queue.acknowledged for queue in queues):
            reasons = ("no enqueue was acknowledged",) if not anomalies else ()
        valid: Valid = False if anomalies else "unknown" if reasons else True
        return Verdict(valid, anomalies, _statistics(queues), reasons)


class _Queue:
    """One queue, counted."""

    def __init__(self, key: int | str | None, pairs: Sequence[Pair]) -> None:
        self.key, self.pairs = key, pairs
        self.acknowledged: Counter[Any] = Counter()
        self.possible: Counter[Any] = Counter()
        self.out: Counter[Any] = Counter()
        self.hidden = 0
        """Dequeues that may have taken something that nobody saw."""
        drains = [pair for pair in pairs if pair.f == "drain" and pair.type == "ok"]
        last = max((pair.invoke.index for pair in drains), default=-1)
        self.drained = bool(drains) and not any(
            pair.invoke.index != last and max(op.index for op in pair.ops) > last for pair in pairs
        )
        for pair in pairs:
            self._count(pair)
        self.unexpected = {value: n for value, n in self.out.items() if not self.possible[value]}
        self.duplicated = {
            value: n for value, n in self.out.items() if n > self.possible[value] and self.possible[value]
        }
        lacking = self.acknowledged - self.out
        self.lacking = dict(lacking) if lacking.total() > self.hidden else {}

    def _count(self, pair: Pair) -> None:
        if pair.f == "enqueue":
            value = freeze(pair.invoke.value)
            self.possible[value] += pair.type != "fail"
            self.acknowledged[value] += pair.type == "ok"
        elif pair.f == "dequeue":
            if pair.type == "ok":
                self.out[freeze(pair.value)] += 1
            self.hidden += pair.type == "info"
        elif pair.f == "drain":
            if pair.type == "ok" and not isinstance(pair.value, list):
                raise _ShapeError(f"index {pair.invoke.index} drained no list")
            self.out.update(map(freeze, pair.value if pair.type == "ok" else ()))
            self.hidden += (1 << 62) * (pair.type == "info")
        else:
            raise _ShapeError(f'index {pair.invoke.index} is "{pair.f}", which a queue does not have')

    def anomalies(self) -> Iterator[Anomaly]:
        """What is wrong, the first of each kind."""
        for value, n in list(self.unexpected.items())[:_MOST_ANOMALIES]:
            yield self._anomaly(
                "unexpected", value, f"{text(value)} came out {n} times, but was never put in"
            )
        for value, n in list(self.duplicated.items())[:_MOST_ANOMALIES]:
            words = f"{text(value)} came out {n} times, but was put in at most {self.possible[value]} times"
            yield self._anomaly("duplicated", value, words)
        if self.drained:
            for value in list(self.lacking)[:_MOST_ANOMALIES]:
                words = f"{text(value)} was put in, which was acknowledged, and never came out"
                yield self._anomaly("lost", value, words)

    def doubts(self) -> Iterator[str]:
        """Why it cannot be said that all came out."""
        if self.lacking and not self.drained:
            where = "" if self.key is None else f" of queue {self.key}"
            lacking = f"{len(self.lacking)} elements{where} did not come out"
            yield f"{lacking}, but the queue was not drained at the end"

    def _anomaly(self, name: str, value: Any, sentence: str) -> Anomaly:
        shown = [pair for pair in self.pairs if pair.f != "drain" and freeze(pair.value) == value]
        shown += [pair for pair in self.pairs if pair.f == "drain" and pair.type == "ok"][-1:]
        ops = sorted((op for pair in shown for op in pair.ops), key=lambda op: op.index)
        return Anomaly(name, sentence, tuple(ops), details={"key": self.key})


def _statistics(queues: Sequence[_Queue]) -> dict[str, int]:
    return {
        "enqueued": sum(queue.acknowledged.total() for queue in queues),
        "dequeued": sum(queue.out.total() for queue in queues),
        "lost": sum(len(queue.lacking) for queue in queues if queue.drained),
        "duplicated": sum(len(queue.duplicated) for queue in queues),
        "unexpected": sum(len(queue.unexpected) for queue in queues),
    }
