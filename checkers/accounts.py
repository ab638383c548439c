"""Users and what they may do: as they are stored, and as the server answers for them.

The operations:

    user  value n: a user with number n and then its level, both at whoever leads
    read  `ok` value {"numbers": [..], "wrong": [[n, level], ..], "dirty": bool, ..}: the stored users of one
          server, those that have their level (among other things with numbers), and those that have another
          one. One without any has not got it yet.
    look  value n; `ok` value {"number": n, "level": level | None}: what the leader answers for the user
    observe  as in `checkers.failover_reigns`

    wrong-permission  a stored user has a level that nobody gave it
    user-not-valid    the leader had the user stored with its level, and answers otherwise

Not here: which users are lost, which is `checkers.failover_loss`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checkers.failover_reigns import Reigns
from checkers.history import History, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_MOST = 10
_LEVELS = ("ro", "rw")


def level(number: int) -> str:
    """The level that user `number` is given."""
    return _LEVELS[number // 2 % len(_LEVELS)]


@dataclass(frozen=True, slots=True)
class Accounts:
    """The checker. Unknown if no server was asked for a user that it certainly had."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Compare every answer with what was given."""
        reads = [pair for pair in history.pairs if pair.f == "read" and pair.type == "ok"]
        looks = list(_certain(history, reads))
        denied = [each for each in looks if each[1].value["level"] != level(each[1].invoke.value)]
        anomalies = (*_wrong(reads), *(_denied(*each) for each in denied[:_MOST]))
        reasons = () if looks else ("no leader was asked for a user that it certainly had",)
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=anomalies,
            statistics={"reads": len(reads), "looks": len(looks), "denied": len(denied)},
            reasons=() if anomalies else reasons,
        )


def _certain(history: History, reads: list[Pair]) -> Iterator[tuple[Pair, Pair]]:
    """Looks at users which the same leader had just shown, with that read, and nobody else led since."""
    named = Reigns.of(history)
    of_leaders = [read for read in reads if not read.value["dirty"]]
    for look in (pair for pair in history.pairs if pair.f == "look" and pair.type == "ok"):
        before = [r for r in of_leaders if r.precedes(look) and r.node == look.node]
        if not before or look.invoke.value not in before[-1].value["numbers"]:
            continue
        if named.named(before[-1].invoke.index, look.ops[-1].index) == {look.node}:
            yield before[-1], look


def _wrong(reads: list[Pair]) -> Iterator[Anomaly]:
    told: dict[int, None] = {}
    for read in reads:
        for number, has in read.value["wrong"]:
            if number not in told and len(told) < _MOST:
                told[number] = None
                sentence = (
                    f"{read.node} has user {number} with {has!r}, which was only given {level(number)!r}"
                )
                yield Anomaly("wrong-permission", sentence, read.ops)


def _denied(read: Pair, look: Pair) -> Anomaly:
    number = look.invoke.value
    return Anomaly(
        "user-not-valid",
        f"{look.node} answers {look.value['level']!r} for user {number}, which it has stored with "
        f"{level(number)!r}",
        (*read.ops, *look.ops),
    )
