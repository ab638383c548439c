"""Counter: every read lies between the least and the most that the additions allow.

Operations: `add` with a value that may be negative, and `read`, whose `ok` value is the sum. An addition that
was acknowledged before a read began must be in it; one that began before the read ended and did not fail may
be in it, also when its outcome is unknown. So a read must lie between

    what must be there, and of what may be there all that is negative,
    what must be there, and of what may be there all that is positive.

With `key`, each key is a counter of its own. This is necessary, not sufficient: which sums between the bounds
can occur, and whether two reads fit together, is not asked.

Anomaly: `out-of-bounds`. If no read was acknowledged, the answer is unknown.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Op, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_PAIR_BYTES = 200  # its events, and their places in a list
_MOST_ANOMALIES = 10
"""So many are told; all are counted."""


@dataclass(frozen=True, slots=True)
class Counter:
    """The checker. `statistics`: `reads`, and `out_of_bounds` of these."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge every read of every counter."""
        budget = Budget(limits)
        keys: dict[int | str | None, list[Pair]] = {}
        try:
            budget.charge(_PAIR_BYTES * len(history.pairs))
            for pair in history.pairs:
                keys.setdefault(pair.key, []).append(pair)
            wrong = [anomaly for pairs in keys.values() for anomaly in _judge(pairs, budget)]
        except (LimitReachedError, _ShapeError) as error:
            return Verdict("unknown", reasons=(str(error),))
        reads = sum(pair.f == "read" and pair.type == "ok" for pair in history.pairs)
        statistics = {"reads": reads, "out_of_bounds": len(wrong)}
        if not reads:
            return Verdict("unknown", (), statistics, ("no read was acknowledged",))
        return Verdict(not wrong, tuple(wrong[:_MOST_ANOMALIES]), statistics)


class _ShapeError(ValueError):
    """An operation does not belong to a counter."""


class _Sums:
    """Sums of all amounts up to a line: of all, of the negative ones, of the positive ones."""

    def __init__(self, amounts: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(amounts)
        self._lines = [line for line, _ in ordered]
        values = [value for _, value in ordered]
        self._negative = [0, *accumulate(min(value, 0) for value in values)]
        self._positive = [0, *accumulate(max(value, 0) for value in values)]

    def before(self, line: int) -> tuple[int, int]:
        """The negative and the positive sum of what stands before the line."""
        place = bisect_left(self._lines, line)
        return self._negative[place], self._positive[place]


def _judge(pairs: Sequence[Pair], budget: Budget) -> Iterator[Anomaly]:
    """The reads of one counter that are out of bounds."""
    adds = [(pair, _number(pair.invoke)) for pair in pairs if _is(pair, "add") and pair.type != "fail"]
    begun = _Sums((pair.invoke.index, amount) for pair, amount in adds)
    done = _Sums(
        (pair.completion.index, amount)
        for pair, amount in adds
        if pair.completion is not None and pair.type == "ok"
    )
    for pair in pairs:
        if pair.f != "read" or pair.type != "ok" or pair.completion is None:
            continue
        budget.check_time()
        value = _number(pair.completion)
        down, up = done.before(pair.invoke.index)
        may_down, may_up = begun.before(pair.completion.index)
        least, most = up + may_down, down + may_up
        if not least <= value <= most:
            yield Anomaly(
                "out-of-bounds",
                f"{value} was read, but by what was added it must lie between {least} and {most}",
                pair.ops,
                details={"key": pair.key, "least": least, "most": most},
            )


def _is(pair: Pair, f: str) -> bool:
    if pair.f not in ("add", "read"):
        raise _ShapeError(f'index {pair.invoke.index} is "{pair.f}", which a counter does not have')
    return pair.f == f


def _number(op: Op) -> int:
    if isinstance(op.value, int) and not isinstance(op.value, bool):
        return op.value
    raise _ShapeError(f"index {op.index} has no integer as its value")
