"""Never two servers that accept writes as leader at overlapping times.

The evidence is write probes of every server, all the time, and looks at the agency (`probe`, `observe`). An
accepted write happened at some moment between its two lines. Server A split the brain with server B if A
accepted a write that began after B, named leader after A, had accepted one, and A cannot have been named
again by then. A change back and forth that nobody saw is excluded by looking often; where the agency did not
answer for longer than a supervision needs to name a new leader, nothing is concluded.

An accepted write of a server that was never named is `unnamed-leader`. If all writes that were tried after
the last fault were refused, that is `no-leader`.

`statistics`: `reigns`, `failovers`, `accepted_writes`, and `split_brain_ms`, the length of each overlap from
the successor's first accepted write to the last one of the deposed leader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from checkers.failover_probes import Probe, Probes
from checkers.failover_reigns import UNSEEN_NS, Reign, Reigns
from checkers.faults import faults
from checkers.history import UNTIMED, History, Op
from checkers.verdict import Anomaly, Limits, Verdict

_TRIED = 100
"""So many refused writes after healing show that nobody leads any more."""


@dataclass(frozen=True, slots=True)
class Leadership:
    """The checker. Unknown if nobody was ever seen to lead."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Compare accepted writes with the reigns."""
        probes = Probes(history)
        writes = [probe for probe in probes.all if probe.kind == "write" and probe.accepted]
        overlaps = list(_overlaps(probes.reigns, writes))
        anomalies = (*overlaps, *_unnamed(probes.reigns, writes), *_leaderless(history))
        reasons = _doubts(probes.reigns, writes)
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=anomalies,
            statistics={
                "reigns": len(probes.reigns.reigns),
                "failovers": failovers(probes.reigns),
                "accepted_writes": len(writes),
                "split_brain_ms": [anomaly.details["ms"] for anomaly in overlaps],
            },
            reasons=() if anomalies else reasons,
        )


def failovers(reigns: Reigns) -> int:
    """How often a leader was followed by another one."""
    nodes = [reign.node for reign in reigns.reigns]
    return sum(1 for old, new in pairwise(nodes) if old != new)


def _doubts(reigns: Reigns, writes: Sequence[Probe]) -> tuple[str, ...]:
    if not reigns.reigns:
        return ("the agency never said who leads",)
    return () if writes else ("no server accepted a write",)


def _overlaps(reigns: Reigns, writes: Sequence[Probe]) -> Iterator[Anomaly]:
    """One anomaly for each end of a reign after which the deposed leader went on."""
    for reign in reigns.reigns:
        usurped = _first_of_successors(reigns, reign, writes)
        if usurped is None:
            continue
        again = next(
            (
                r.possible[0]
                for r in reigns.reigns
                if r.node == reign.node and r.possible[0] > reign.certain[1]
            ),
            1 << 62,
        )
        late = [
            w for w in writes
            if w.node == reign.node and max(usurped.end, reign.possible[1]) < w.begin and w.end < again
            and reigns.gap_at(w.begin, w.end) <= UNSEEN_NS
        ]  # fmt: skip
        if late:
            yield _split(reign, usurped, late)


def _first_of_successors(reigns: Reigns, reign: Reign, writes: Sequence[Probe]) -> Probe | None:
    """The first write that another server accepted when it had been named after this reign."""
    later = [r for r in reigns.reigns if r.node != reign.node and r.possible[0] >= reign.certain[1]]
    named = [
        w for w in writes
        if any(w.node == r.node and r.possible[0] <= w.begin and r.may_cover(w.begin, w.end) for r in later)
    ]  # fmt: skip
    return min(named, key=lambda write: write.end, default=None)


def _split(reign: Reign, usurped: Probe, late: Sequence[Probe]) -> Anomaly:
    last = max(late, key=lambda write: write.end)
    return Anomaly(
        name="two-leaders",
        sentence=f"{reign.node} accepted {len(late)} writes after {usurped.node} had been named leader "
        "and had accepted one",
        operations=_merged(usurped, late[0], last),
        details={"old": reign.node, "new": usurped.node, "writes": len(late), "ms": _ms(usurped, last)},
    )


def _ms(first: Probe, last: Probe) -> float:
    ends = [probe.pair.completion.time for probe in (first, last) if probe.pair.completion is not None]
    return 0.0 if len(ends) < 2 or UNTIMED in ends else (ends[1] - ends[0]) / 1e6


def _unnamed(reigns: Reigns, writes: Sequence[Probe]) -> Iterator[Anomaly]:
    """Per server, its first write that no reign of its can explain because it had had none."""
    if not reigns.observations:
        return
    told: dict[str, None] = {}
    for write in writes:
        never = reigns.before(write.node, write.end) is None
        if never and write.node not in told and reigns.gap_at(write.begin, write.end) <= UNSEEN_NS:
            told[write.node] = None
            yield Anomaly(
                name="unnamed-leader",
                sentence=f"{write.node} accepted a write, and the agency had never named it leader",
                operations=write.pair.ops,
            )


def _leaderless(history: History) -> Iterator[Anomaly]:
    """Nobody took a write after everything was healed, however often that was tried."""
    healed = max((fault.end for fault in faults(history)), default=None)
    if healed is None:
        return
    tried = [
        pair for pair in history.pairs
        if pair.f == "probe" and pair.invoke.index > healed and pair.invoke.value["kind"] == "write"
    ]  # fmt: skip
    taken = [pair for pair in tried if pair.type == "ok" and 200 <= pair.value["status"] < 300]
    if len(tried) >= _TRIED and not taken:
        yield Anomaly(
            name="no-leader",
            sentence=f"none of {len(tried)} writes to all servers was taken after everything had been healed",
            operations=tried[-1].ops,
        )


def _merged(*probes: Probe) -> tuple[Op, ...]:
    ops = {op.index: op for probe in probes for op in probe.pair.ops}
    return tuple(ops[index] for index in sorted(ops))
