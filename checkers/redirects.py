"""What a server that follows another may answer, and what it must say about the leader.

The evidence is `probe` and `observe` (`checkers.failover_probes`, `checkers.failover_reigns`). A server
counts as follower only where it had refused as one just before and no reign of its can have been in force
since; as leader only where it did a leader's work just before and just after. Answers in between belong to
nobody and are judged by nobody, so no change of leader can raise a false alarm. Even in between two of its
works a leader may have led no more for a moment, cut off from the agency, and then its answer is marked
rightly; so marks of a leader count only where most of its answers have them.

    follower-accepts-write   a follower did what only the leader may do
    undenied-read            a follower answered a read that did not allow it
    dirty-read-refused       a follower refused a read that did allow it
    unmarked-dirty-read      a follower's answer did not warn that it may be dirty
    marked-leader-read       most of a leader's answers warned of it
    missing-endpoint         a refusal did not say where the leader is (or, with 1495, that it is unknown)
    wrong-endpoint           a refusal named a server that had never led, or the refusing server itself
    wrong-refusal            a follower refused with something else than "not a leader"
    endpoints-refused        a follower or leader did not list the servers
    wrong-first-endpoint     the list began with a server that had never led
    stale-endpoint           long after the last fault and the last change, a refusal named a former leader
    stale-first-endpoint     so did the list of servers

Before, a follower may name the leader before the last one: it learns of a new one with its next heartbeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checkers.failover_probes import CHALLENGE, NOT_LEADER, Probe, Probes
from checkers.failover_reigns import FOREVER
from checkers.faults import faults
from checkers.history import History, Op
from checkers.verdict import Anomaly, Limits, Verdict

_MOST = 10
_LEAST = 5
"""So many marked answers of one leader may be the moments in which it led no more."""
_KNOWN_NS = 5_000_000_000
"""So long after a leader was named, with nothing broken, every server must know it."""
_PASSING = (30, 38, 503)
"""Error numbers of a server that starts or ends: it refuses everybody, leader or not."""
_READ_ONLY = 1004
_NO_DATA = (1202, 1203, 1228)
"""A copy does not have yet what was asked for."""


@dataclass(frozen=True, slots=True)
class Redirects:
    """The checker. Unknown if no server ever was certainly a follower."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Judge every answer."""
        probes = Probes(history)
        anomalies = [found for probe in probes.all for found in _judge(probes, probe)]
        anomalies += _marked(probes)
        anomalies += _stale(history, probes)
        counts = exposures(probes)
        names = [anomaly.name for anomaly in anomalies]
        reasons = () if counts["denied_writes"] else ("no server was ever seen to follow",)
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=tuple(_few(anomalies)),
            statistics={
                **counts,
                "probes": len(probes.all),
                "anomalies": {name: names.count(name) for name in sorted(dict.fromkeys(names))},
            },
            reasons=reasons,
        )


def exposures(probes: Probes) -> dict[str, int]:
    """How many answers put each promise to the test."""
    following = [probe for probe in probes.all if probes.was_follower(probe)]
    refused = [probe for probe in probes.all if probe.refused_as_follower]
    return {
        "denied_writes": sum(1 for p in following if p.kind == "write"),
        "denied_reads": sum(1 for p in following if p.kind == "read" and not p.dirty),
        "dirty_reads": sum(1 for p in following if p.kind == "read" and p.dirty and p.accepted),
        "leader_reads": sum(
            1 for p in probes.all if p.kind == "read" and p.accepted and probes.was_leader(p)
        ),
        "refusals": len(refused),
        "endpoints": sum(1 for p in probes.all if p.kind == "endpoints" and p.accepted),
        "endpoints_of_followers": sum(1 for p in following if p.kind == "endpoints" and p.accepted),
    }


def _judge(probes: Probes, probe: Probe) -> Iterator[Anomaly]:
    if probe.value["number"] in _PASSING:
        return
    yield from _refusal(probes, probe)
    if probe.kind == "endpoints":
        yield from _endpoints(probes, probe)
        return
    refusal = probes.was_follower(probe)
    if refusal is not None:
        yield from _follower(probe, refusal)


def _follower(probe: Probe, refusal: Probe) -> Iterator[Anomaly]:
    """An answer of a server that certainly followed."""
    value = probe.value
    denied = value["number"] in (NOT_LEADER, CHALLENGE)
    if probe.kind == "write":
        if probe.accepted:
            yield _anomaly("follower-accepts-write", probe, "accepted a write while it followed", refusal)
        elif not denied and not (probe.dirty and value["number"] == _READ_ONLY):
            yield _anomaly("wrong-refusal", probe, f"refused a write with {_number(value)}", refusal)
    elif not probe.dirty:
        if probe.accepted:
            yield _anomaly(
                "undenied-read", probe, "answered a read that was not allowed to be dirty", refusal
            )
        elif not denied:
            yield _anomaly("wrong-refusal", probe, f"refused a read with {_number(value)}", refusal)
    elif denied:
        yield _anomaly("dirty-read-refused", probe, "refused a read that was allowed to be dirty", refusal)
    elif not value["marked"] and (probe.accepted or value["number"] in _NO_DATA):
        yield _anomaly("unmarked-dirty-read", probe, "gave a dirty read without marking it", refusal)


def _marked(probes: Probes) -> Iterator[Anomaly]:
    """Warnings of servers that led, if they are the rule."""
    answers: dict[str, list[Probe]] = {}
    for probe in probes.all:
        if probe.kind == "read" and probe.accepted and probes.was_leader(probe):
            answers.setdefault(probe.node, []).append(probe)
    for own in answers.values():
        marked = [probe for probe in own if probe.value["marked"]]
        if len(marked) > max(_LEAST, len(own) / 2):
            for probe in marked:
                yield _anomaly(
                    "marked-leader-read", probe, "marked its answer as possibly dirty while it led"
                )


def _refusal(probes: Probes, probe: Probe) -> Iterator[Anomaly]:
    """What must stand in a refusal, whoever gives it."""
    value = probe.value
    if value["number"] == CHALLENGE:
        if value["endpoint"] is None:
            yield _anomaly("missing-endpoint", probe, "did not say that it knows no leader")
        return
    if value["number"] != NOT_LEADER:
        return
    if not value["endpoint"]:
        yield _anomaly("missing-endpoint", probe, "refused as follower without saying who leads")
        return
    leader = value["leader"]
    if leader == probe.node:
        yield _anomaly("wrong-endpoint", probe, "refused as follower and named itself as the leader")
    elif not _may_have_led(probes, leader, probe.end):
        yield _anomaly("wrong-endpoint", probe, f"named {value['endpoint']}, which had never led")


def _endpoints(probes: Probes, probe: Probe) -> Iterator[Anomaly]:
    value = probe.value
    if not probe.accepted:
        if value["number"] != CHALLENGE:
            yield _anomaly("endpoints-refused", probe, f"did not list the servers: {_number(value)}")
    elif not _may_have_led(probes, value["first"], probe.end):
        yield _anomaly("wrong-first-endpoint", probe, f"listed {value['first']} first, which had never led")


def _stale(history: History, probes: Probes) -> Iterator[Anomaly]:
    """What was said when everybody must have known the last leader."""
    if not probes.reigns.reigns or probes.reigns.reigns[-1].possible[1] != FOREVER:
        return
    last = probes.reigns.reigns[-1]
    healed = max((fault.end for fault in faults(history)), default=-1)
    for probe in probes.all:
        if probe.begin <= healed or probe.pair.invoke.time < last.first_seen_ns + _KNOWN_NS:
            continue
        value = probe.value
        if probe.refused_as_follower and value["endpoint"] and value["leader"] != last.node:
            yield _anomaly("stale-endpoint", probe, f"named {value['leader']} long after {last.node} led")
        elif probe.kind == "endpoints" and probe.accepted and value["first"] != last.node:
            yield _anomaly("stale-first-endpoint", probe, f"listed {value['first']} before {last.node}")


def _may_have_led(probes: Probes, node: str | None, line: int) -> bool:
    """Without a look at the agency nobody can say; before the first one, nobody had led for certain."""
    return not probes.reigns.observations or any(
        reign.node == node and reign.possible[0] < line for reign in probes.reigns.reigns
    )


def _anomaly(name: str, probe: Probe, did: str, refusal: Probe | None = None) -> Anomaly:
    before: tuple[Op, ...] = () if refusal is None else refusal.pair.ops
    ops = sorted({op.index: op for op in (*before, *probe.pair.ops)}.values(), key=lambda op: op.index)
    return Anomaly(name, f"{probe.node} {did}", tuple(ops), details={"answer": dict(probe.value)})


def _number(value: dict[str, object]) -> str:
    return f"{value['status']}/{value['number']}"


def _few(anomalies: list[Anomaly]) -> Iterator[Anomaly]:
    told: dict[str, int] = {}
    for anomaly in anomalies:
        told[anomaly.name] = told.get(anomaly.name, 0) + 1
        if told[anomaly.name] <= _MOST:
            yield anomaly
