"""Probes: one request to one server of a group, without following, and the bare answer.

A `probe` is invoked with {"server": i, "kind": "read" | "write" | "endpoints", "dirty": bool, ...}; its `ok`
value has beside these what the answer said:

    status, number   HTTP status, and the error number where there was one
    endpoint         where the server sends the client: "" if it knows no leader, None if it did not say
    leader           the node at that endpoint, or None
    marked           whether the answer warns that it may be dirty
    first            of "endpoints": the node that the list begins with

The node that was asked is `Op.node`. That an answer came is `ok`, whatever the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from checkers.failover_reigns import UNSEEN_NS, Reigns
from checkers.faults import Fault, deaths
from checkers.history import History, Pair

NOT_LEADER = 1496
CHALLENGE = 1495


@dataclass(frozen=True)
class Probe:
    """One probe that was answered."""

    pair: Pair
    value: dict[str, Any]

    @property
    def node(self) -> str:
        """Who was asked."""
        return self.pair.node or ""

    @property
    def kind(self) -> str:
        """What was asked: read, write, endpoints."""
        return str(self.value["kind"])

    @property
    def dirty(self) -> bool:
        """Whether a follower was allowed to answer."""
        return bool(self.value["dirty"])

    @property
    def begin(self) -> int:
        """The line of its invocation."""
        return self.pair.invoke.index

    @property
    def end(self) -> int:
        """The line of its answer."""
        assert self.pair.completion is not None
        return self.pair.completion.index

    @property
    def accepted(self) -> bool:
        """Whether the server did it."""
        return 200 <= int(self.value["status"]) < 300

    @property
    def answered_as_leader(self) -> bool:
        """Whether the server did what only a leader does: anything without the header, or any write."""
        only_leaders_do = self.kind == "write" or (self.kind == "read" and not self.dirty)
        return self.accepted and only_leaders_do

    @property
    def refused_as_follower(self) -> bool:
        """Whether the server said that it is not the leader."""
        return bool(self.value["number"] == NOT_LEADER)


class Probes:
    """All answered probes of a history, with what is certain about who led."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._deaths: dict[str, list[Fault]] = {}
        self.reigns = Reigns.of(history)
        self.all = tuple(
            Probe(pair, pair.completion.value)
            for pair in history.pairs
            if pair.f == "probe" and pair.type == "ok" and pair.completion is not None
        )

    @cached_property
    def _by_node(self) -> dict[str, list[Probe]]:
        found: dict[str, list[Probe]] = {}
        for probe in sorted(self.all, key=lambda each: each.end):
            found.setdefault(probe.node, []).append(probe)
        return found

    def was_follower(self, probe: Probe) -> Probe | None:
        """The refusal that proves that the asked server followed all the time while it was asked.

        It had said "not a leader" before, and since then no reign of its may have been in force. None if that
        is not certain. What no observation was near enough to exclude is not certain either.
        """
        refusals = (p for p in reversed(self._by_node[probe.node]) if p.refused_as_follower)
        refusal = next((p for p in refusals if p.end < probe.begin), None)
        if refusal is None or self.reigns.may_reign(probe.node, refusal.begin, probe.end):
            return None
        if self.reigns.gap_at(refusal.begin, probe.end) > UNSEEN_NS:
            return None
        return refusal

    def was_leader(self, probe: Probe) -> bool:
        """Whether the asked server certainly led: it did what only a leader does just before and just after,
        and was named all the time in between.
        """
        own = [p for p in self._by_node[probe.node] if p.kind != "endpoints"]
        before = next((p for p in reversed(own) if p.end < probe.begin and not p.dirty), None)
        after = next((p for p in own if p.begin > probe.end and not p.dirty), None)
        if before is None or after is None or not (before.answered_as_leader and after.answered_as_leader):
            return False
        if self._died(probe.node, before.begin, after.end):
            return False  # a server that is started again follows until it knows better
        return any(
            r.node == probe.node and r.certain[0] <= before.begin and after.end <= r.certain[1]
            for r in self.reigns.reigns
        )

    def _died(self, node: str, begin: int, end: int) -> bool:
        if node not in self._deaths:
            self._deaths[node] = deaths(self._history, node)
        return any(fault.begin <= end and begin <= fault.end for fault in self._deaths[node])
