"""Whether followers go on following the leader they were given, also when that leader is gone.

In plain leader/follower replication nobody is promoted: a follower knows one leader and waits for it. The
evidence is the operation `state`, whose `ok` value has "leader", the endpoint that the follower follows, and
null if it follows nobody. It must never change while nobody asked for that.

Not here: whether clients find a new leader, which is their own business in this mode.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checkers.faults import deaths
from checkers.history import History, Pair
from checkers.verdict import Anomaly, Limits, Verdict


@dataclass(frozen=True, slots=True)
class Allegiance:
    """The checker: one anomaly, `unasked-promotion`, for each follower that left its leader."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Compare the states of each follower in time; unknown if none ever named a leader."""
        by_follower = _states(history)
        changes = [change for states in by_follower.values() if (change := _change(states)) is not None]
        named = sum(
            1 for states in by_follower.values() for pair in states if pair.value["leader"] is not None
        )
        return Verdict(
            valid=False if changes else True if named else "unknown",
            anomalies=tuple(changes),
            statistics={"states": sum(map(len, by_follower.values())), "followers": len(by_follower)},
            reasons=() if named else ("no follower said which leader it follows",),
        )


def _states(history: History) -> Mapping[int, Sequence[Pair]]:
    states: dict[int, list[Pair]] = {}
    for pair in history.pairs:
        if pair.f == "state" and pair.type == "ok":
            states.setdefault(pair.value["follower"], []).append(pair)
    return states


def _change(states: Sequence[Pair]) -> Anomaly | None:
    """The first state that names another leader than the one before it."""
    for before, after in itertools.pairwise(states):
        old, new = before.value["leader"], after.value["leader"]
        if old is not None and new != old:
            follows = f"follows {new}" if new is not None else "follows nobody"
            return Anomaly(
                name="unasked-promotion",
                sentence=f"{after.node} had followed {old} and then {follows}, though nobody told it to",
                operations=(*before.ops, *after.ops),
            )
    return None


def states_without_leader(history: History, leader: str) -> int:
    """How often followers told their state while node `leader` was killed, paused or without power."""
    gone = deaths(history, leader)
    indices = (pair.invoke.index for states in _states(history).values() for pair in states)
    return sum(1 for index in indices if any(fault.covers(index) for fault in gone))
