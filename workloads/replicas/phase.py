"""The end of a run with followers: wait until they have caught up, then take a snapshot of every server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checkers.history import Op, Process
from workloads.generator import (
    PENDING,
    Answer,
    Context,
    Generator,
    Pending,
    delay,
    lift,
    phases,
    time_limit,
    until,
    until_ok,
)

_POLL_S = 0.1
_FINAL_READ_S = 20.0
_AGREEMENT_S = 20.0
_ROUND_S = 1.5
"""The time of one round of snapshots if all are answered at once."""


def converge(followers: int, deadline_s: float = 60.0) -> Generator:
    """Each follower is watched until it has applied the leader's last tick, or time is over; then snapshots.

    The time is for all of them together: they catch up side by side, and with a time for each, several that
    are stuck would use up the run's end, and nobody would look at their copies any more.

    Reaching the tick is only the signal to look: the snapshots alone say whether the copies are equal. Rounds
    of them are taken until all agree or time is over, because a write whose answer was given up may still be
    on its way to the leader and arrive between two snapshots.
    """
    snapshots = delay(_ROUND_S / (followers + 1), Rounds(followers + 1))
    watched = time_limit(deadline_s, phases(*(_watch(follower) for follower in range(followers))))
    return phases(watched, time_limit(_AGREEMENT_S, snapshots))


def _watch(follower: int) -> Generator:
    question = {"f": "state", "value": {"follower": follower, "ask_leader": True}}
    return delay(_POLL_S, until(has_caught_up, question))


@dataclass(frozen=True, slots=True)
class Rounds:
    """One `snapshot` of each server after the other, in rounds, until all of one round are equal.

    `seen` are the documents of this round, None where there was no answer; `waiting` is the process whose
    snapshot is awaited.
    """

    servers: int
    seen: tuple[Mapping[str, str] | None, ...] = ()
    waiting: Process | None = None

    def op(self, context: Context) -> Answer:
        """The next snapshot of this round, or the first of a new one."""
        if self.waiting is not None:
            return PENDING, self
        complete = len(self.seen) == self.servers
        if complete and self._agree():
            return None
        seen = () if complete else self.seen
        answer = lift({"f": "snapshot", "value": {"server": len(seen)}}).op(context)
        if answer is None or isinstance(answer[0], Pending):
            return None if answer is None else (PENDING, self)
        return answer[0], Rounds(self.servers, seen, answer[0].process)

    def _agree(self) -> bool:
        return None not in self.seen and all(documents == self.seen[0] for documents in self.seen)

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Remember what the awaited snapshot showed."""
        if event.type == "invoke" or event.process != self.waiting:
            return self
        documents = event.value["documents"] if event.type == "ok" else None
        return Rounds(self.servers, (*self.seen, documents))


def final(templates: Iterable[dict[str, object]]) -> Generator:
    """Each of these operations again and again until it was `ok`, for a limited time."""
    return phases(*(time_limit(_FINAL_READ_S, delay(_POLL_S, until_ok(template))) for template in templates))


def has_caught_up(event: Op) -> bool:
    """Whether a `state` shows a running follower that has applied all its leader had logged."""
    state = event.value
    if event.type != "ok" or not state["running"] or None in (state["applied"], state["leader_tick"]):
        return False
    return bool(state["applied"] >= state["leader_tick"])
