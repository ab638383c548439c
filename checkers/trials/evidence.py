"""Trial and Finding: one trial's operations, what came before what, and what a rule says of a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checkers.history import History, Op, Pair
from checkers.verdict import Anomaly

LOOKS = frozenset({"tick", "state", "settings", "look", "pin", "dump", "knock"})
"""What changes nothing, so that it does not matter whether it took effect."""
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """A moment at which a defect would have shown, and the anomaly if one did."""

    clause: str
    anomaly: Anomaly | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The operations of one key. `kind` is what it tries: what its `open` says, or else its key."""

    key: int | str | None
    kind: str
    pairs: tuple[Pair, ...]

    def ok(self, *fs: str) -> Iterator[Pair]:
        """What certainly happened."""
        return (pair for pair in self.pairs if pair.f in fs and pair.type == "ok")

    def acts(self, *fs: str) -> Iterator[Pair]:
        """What happened or may have: of these functions, or of all that change something."""
        for pair in self.pairs:
            if pair.type != "fail" and (pair.f in fs if fs else pair.f not in LOOKS):
                yield pair

    def is_sure(self, moment: Pair, *but: str) -> bool:
        """Whether it is known of all that was asked before `moment`, `but` these, whether it happened."""
        return not any(
            pair.type == "info" and pair.f not in but for pair in self.acts() if _begins_before(pair, moment)
        )

    def is_quiet(self, first: Pair, last: Pair) -> bool:
        """Whether nothing that changes something was asked between the beginnings of the two."""
        return not any(first.invoke.index < pair.invoke.index < last.invoke.index for pair in self.acts())

    def last(self, moment: Pair, server: int, *fs: str) -> Pair | None:
        """The last of these that was asked of a server before `moment`, and may have happened."""
        found = None
        for pair in self.acts(*fs):
            if _begins_before(pair, moment) and pair.invoke.value["server"] == server:
                found = pair
        return found

    def configuration(self, moment: Pair, server: int) -> Mapping[str, Any]:
        """The applier's: a set-up begins a new one, everything else adds to what is there."""
        configuration: dict[str, Any] = {}
        for pair in self.acts("follow", "configure"):
            value = pair.invoke.value
            if _begins_before(pair, moment) and value["server"] == server:
                kept = {"autoStart": True} if pair.f == "follow" else configuration
                configuration = {**kept, **value["configuration"], "leader": value["leader"]}
        return configuration

    def awaited(self, state: Pair) -> Pair | None:
        """The `tick` whose answer a state is compared with, if nobody changed anything since it was asked.

        None if the applier may have been as far already with another leader: each has ticks of its own.
        """
        target, found = state.invoke.value.get("target"), None
        if not self._is_news(state):
            return None
        for tick in self.ok("tick"):
            if tick.precedes(state) and tick.value["tick"] == target and self.is_quiet(tick, state):
                found = tick
        return found

    def _is_news(self, state: Pair) -> bool:
        """Whether the applier had one leader only, or is further than when it was stopped for another."""
        server = state.invoke.value["server"]
        leaders = {
            pair.invoke.value["leader"]
            for pair in self.acts("follow", "sync", "configure")
            if _begins_before(pair, state) and pair.invoke.value["server"] == server
        }
        stop = self.last(state, server, "stop")
        if len(leaders) <= 1:
            return True
        return stop is not None and any(
            stop.precedes(before) and before.value["server"] == server and _is_below(before, state)
            for before in self.ok("state")
            if _begins_before(before, state) and not before.value["running"]
        )

    def next_look(self, pair: Pair) -> Pair | None:
        """The look at the same server that follows with nothing in between."""
        server = pair.invoke.value["server"]
        for look in self.ok("look"):
            if look.invoke.index > pair.invoke.index and look.invoke.value["server"] == server:
                return look if self.is_quiet(pair, look) else None
        return None


def trials(history: History) -> list[Trial]:
    """All trials of a history, in the order in which they began."""
    groups: dict[int | str | None, list[Pair]] = {}
    for pair in history.pairs:
        groups.setdefault(pair.key, []).append(pair)
    return [Trial(key, _kind(pairs), tuple(pairs)) for key, pairs in groups.items()]


def _kind(pairs: list[Pair]) -> str:
    return next((str(p.invoke.value["kind"]) for p in pairs if "kind" in p.invoke.value), str(pairs[0].key))


def _begins_before(pair: Pair, moment: Pair) -> bool:
    return pair.invoke.index < moment.invoke.index


def _is_below(before: Pair, state: Pair) -> bool:
    reached, target = before.value["applied"], state.invoke.value.get("target")
    return reached is not None and target is not None and reached < target


def elapsed_s(first: Pair, second: Pair) -> float:
    """The time from the first's answer to the second's beginning: it was at least so much."""
    assert first.completion is not None
    return (second.invoke.time - first.completion.time) / _NS


def span_s(first: Pair, second: Pair) -> float:
    """The time from the first's beginning to the second's answer: it was at most so much."""
    assert second.completion is not None
    return (second.completion.time - first.invoke.time) / _NS


def settled(state: Mapping[str, Any]) -> bool:
    """Whether a state shows an applier that runs and has all up to the tick that is waited for."""
    target, applied = state.get("target"), state["applied"]
    return bool(state["running"]) and target is not None and applied is not None and applied >= target


def undecided(state: Mapping[str, Any]) -> bool:
    """Whether a state shows an applier that may still catch up."""
    return bool(state["running"]) and not settled(state)


def operations(*pairs: Pair) -> tuple[Op, ...]:
    """Their operations, in the order of the history."""
    by_index = {op.index: op for pair in pairs for op in pair.ops}
    return tuple(by_index[index] for index in sorted(by_index))
