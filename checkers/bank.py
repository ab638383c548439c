"""Bank: money moves between accounts, and the sum of all balances never changes.

Operations: `transfer`, whose value is not looked at, and `read`, whose `ok` value is an object of balances by
account, all of them read at once. Every read must show

    wrong-total         the total of the bank: the `total` that is given, or that of the first read
    unexpected-account  no account that the first read does not show, and each that it shows
    negative-balance    no balance below zero, unless `negative` allows it

Reads that add up do not prove more: money may be moved back and forth in between. Without `total` a bank that
is wrong from the first read on is not noticed. If no read was acknowledged, the answer is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_MOST_ANOMALIES = 10
"""So many are told; all are counted."""


class _ShapeError(ValueError):
    """A read shows no balances."""


@dataclass(frozen=True, slots=True)
class Bank:
    """The checker. `statistics`: `reads`, and `wrong`, the anomalies in all."""

    total: int | None = None
    negative: bool = False

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge every read."""
        budget = Budget(limits)
        reads = [pair for pair in history.pairs if pair.f == "read" and pair.type == "ok"]
        if not reads:
            return Verdict("unknown", reasons=("no read was acknowledged",))
        try:
            first = _balances(reads[0])
            total = sum(first.values()) if self.total is None else self.total
            wrong: list[Anomaly] = []
            for pair in reads:
                budget.check_time()
                wrong += self._judge(pair, _balances(pair), total, first)
        except (LimitReachedError, _ShapeError) as error:
            return Verdict("unknown", reasons=(str(error),))
        statistics = {"reads": len(reads), "total": total, "wrong": len(wrong)}
        return Verdict(not wrong, tuple(wrong[:_MOST_ANOMALIES]), statistics)

    def _judge(
        self, pair: Pair, balances: Mapping[str, int], total: int, first: Mapping[str, int]
    ) -> Iterator[Anomaly]:
        other = sorted(balances.keys() ^ first.keys())
        if other:
            sentence = f"account {other[0]} is shown by some reads only"
            yield Anomaly("unexpected-account", sentence, pair.ops, details={"accounts": other})
        elif sum(balances.values()) != total:
            found = sum(balances.values())
            sentence = f"the balances that were read add up to {found}, not to {total}"
            yield Anomaly("wrong-total", sentence, pair.ops, details={"found": found, "total": total})
        below = {} if self.negative else {name: value for name, value in balances.items() if value < 0}
        if below:
            name, value = next(iter(below.items()))
            sentence = f"account {name} has a balance of {value}"
            yield Anomaly("negative-balance", sentence, pair.ops, details={"balances": below})


def _balances(pair: Pair) -> Mapping[str, int]:
    value = pair.value
    if isinstance(value, dict) and all(type(balance) is int for balance in value.values()):
        return {str(name): balance for name, balance in value.items()}
    raise _ShapeError(f"index {pair.invoke.index} read no object of balances that are integers")
