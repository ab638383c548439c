"""Which acknowledged writes a failover lost, and whether it lost them as asynchronous replication may.

The operations:

    insert  value n: a new document with number n, at whoever leads; its `ok` names the node that acknowledged
    read    `ok` value {"numbers": [..], "dirty": bool}: everything on one server. Not dirty: it led.

A leader that is replaced loses what no follower had applied yet. Appliers apply in the log's order, so what
one reign lost must be an end of its log: every acknowledged number is one of

    kept         the last reads of a leader have it
    in-window    lost; every write of that reign that was kept had not completed before it began, the reign
                 ended with a failover, and no read of the next leader had shown it before
    outside      lost in any other way
    resurrected  a leader's read lacked it after its acknowledgement, and a later leader's read has it

and a read may show a *phantom*: a number that nobody inserted, or whose insert had certainly failed. All but
the first two are violations; in-window is what the documents admit, and is measured.

A *reign* here is a row of acknowledgements by one node, in the order in which they came: no agency is needed
to tell them. The window of a failover is the time from the first lost acknowledgement to the old leader's
last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from checkers.faults import deaths
from checkers.history import UNTIMED, History, Op, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_MOST = 10


@dataclass(frozen=True, slots=True)
class FailoverLoss:
    """The checker. Unknown without a last read of a leader."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - sorts and passes, no search
        """Classify every acknowledged insert."""
        evidence = _Evidence.of(history)
        if evidence.last is None:
            return Verdict("unknown", reasons=("no leader was read after the last insert",))
        losses = [_loss(evidence, reign) for reign in evidence.reigns]
        anomalies = [*_outside(losses), *_resurrected(evidence), *_phantoms(evidence)]
        inside = [loss for loss in losses if loss.inside]
        reasons = () if evidence.inserts else ("nothing was inserted",)
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=tuple(_few(anomalies)),
            weaknesses=tuple(_weakness(inside)),
            statistics=_statistics(evidence, losses, anomalies),
            reasons=reasons,
        )


@dataclass(frozen=True, slots=True)
class _Reign:
    """Acknowledged inserts of one leader in the order of their answers; who acknowledged the next ones, and
    the line on which the first of these was invoked.
    """

    node: str
    writes: Sequence[Pair]
    successor: str | None
    takeover: int


@dataclass(slots=True)
class _Loss:
    """What became of one reign's writes."""

    reign: _Reign
    inside: list[Pair] = field(default_factory=list)
    outside: list[tuple[Pair, str, tuple[Op, ...]]] = field(default_factory=list)

    @property
    def window_ms(self) -> float:
        """From the first lost acknowledgement to the old leader's last one."""
        if not self.inside:
            return 0.0
        times = [_time(write) for write in (*self.inside, *self.reign.writes)]
        return 0.0 if UNTIMED in times else (max(times) - min(map(_time, self.inside))) / 1e6


@dataclass(frozen=True, slots=True)
class _Evidence:
    history: History
    inserts: Mapping[int, Pair]
    reigns: Sequence[_Reign]
    reads: Sequence[Pair]
    shown: Sequence[Pair]
    last: frozenset[int] | None

    @staticmethod
    def of(history: History) -> _Evidence:
        inserts = {pair.invoke.value: pair for pair in history.pairs if pair.f == "insert"}
        acknowledged = [pair for pair in inserts.values() if pair.type == "ok"]
        reads = [pair for pair in history.pairs if pair.f == "read" and pair.type == "ok"]
        of_leaders = [pair for pair in reads if not pair.value["dirty"]]
        end = max((_end(pair) for pair in acknowledged), default=-1)
        final = [frozenset(pair.value["numbers"]) for pair in of_leaders if pair.invoke.index > end]
        return _Evidence(
            history=history,
            inserts=inserts,
            reigns=_reigns(sorted(acknowledged, key=_end)),
            reads=of_leaders,
            shown=reads,
            last=final[-1] if final else None,
        )


def _reigns(acknowledged: Sequence[Pair]) -> list[_Reign]:
    rows: list[list[Pair]] = []
    for pair in acknowledged:
        if rows and rows[-1][0].node == pair.node:
            rows[-1].append(pair)
        else:
            rows.append([pair])
    followers: list[list[Pair] | None] = [*rows[1:], None]
    return [
        _Reign(
            row[0].node or "",
            row,
            None if after is None else after[0].node,
            1 << 62 if after is None else after[0].invoke.index,
        )
        for row, after in zip(rows, followers, strict=True)
    ]


def _loss(evidence: _Evidence, reign: _Reign) -> _Loss:
    assert evidence.last is not None
    kept = [write for write in reign.writes if write.invoke.value in evidence.last]
    newest = max(kept, key=lambda write: write.invoke.index, default=None)
    loss = _Loss(reign)
    for write in reign.writes:
        if write.invoke.value in evidence.last:
            continue
        fault = _why_outside(evidence, reign, write, newest)
        if fault is None:
            loss.inside.append(write)
        else:
            loss.outside.append((write, *fault))
    return loss


def _why_outside(
    evidence: _Evidence, reign: _Reign, write: Pair, newest: Pair | None
) -> tuple[str, tuple[Op, ...]] | None:
    """Why asynchronous replication does not explain that this write is lost, and what shows it."""
    if reign.successor is None:
        return f"{reign.node} was never replaced", ()
    if newest is not None and write.precedes(newest):
        return f"insert {newest.invoke.value}, which {reign.node} took later, was kept", newest.ops
    shown = _applied(evidence, reign, write)
    if shown is not None:
        return f"{reign.successor}, the next leader, had shown it before", shown.ops
    return None


def _applied(evidence: _Evidence, reign: _Reign, write: Pair) -> Pair | None:
    """A read of the next leader, before it led, that shows the write. Unless it lost its power since."""
    for read in evidence.shown:
        in_time = _end(read) < reign.takeover
        if in_time and read.node == reign.successor and write.invoke.value in read.value["numbers"]:
            cuts = (f for f in deaths(evidence.history, read.node or "") if f.family == "power")
            if not any(read.invoke.index < f.end and f.begin < reign.takeover for f in cuts):
                return read
    return None


def _outside(losses: Sequence[_Loss]) -> Iterator[Anomaly]:
    for loss in losses:
        for write, why, ops in loss.outside:
            yield Anomaly(
                name="lost-outside-window",
                sentence=f"insert {write.invoke.value}, acknowledged by {loss.reign.node}, is lost, "
                f"although {why}",
                operations=_merged(*write.ops, *ops),
            )


def _resurrected(evidence: _Evidence) -> Iterator[Anomaly]:
    """Acknowledged numbers that one leader's read lacked and a later one has."""
    lacked: dict[int, Pair] = {}
    acknowledged = sorted((pair for pair in evidence.inserts.values() if pair.type == "ok"), key=_end)
    told: dict[int, None] = {}
    for read in sorted(evidence.reads, key=lambda pair: pair.invoke.index):
        numbers = frozenset(read.value["numbers"])
        for number, without in lacked.items():
            if number in numbers and number not in told and _end(without) < read.invoke.index:
                told[number] = None
                yield _resurrection(evidence.inserts[number], without, read)
        for write in acknowledged:
            if _end(write) >= read.invoke.index:
                break
            if write.invoke.value not in numbers:
                lacked.setdefault(write.invoke.value, read)


def _resurrection(write: Pair, without: Pair, read: Pair) -> Anomaly:
    return Anomaly(
        name="resurrected-write",
        sentence=f"insert {write.invoke.value} was lost when {without.node} was read, "
        f"and {read.node} shows it again",
        operations=_merged(*write.ops, *without.ops, *read.ops),
    )


def _phantoms(evidence: _Evidence) -> Iterator[Anomaly]:
    told: dict[int, None] = {}
    for read in evidence.shown:
        for number in read.value["numbers"]:
            write = evidence.inserts.get(number)
            failed = write is not None and write.type == "fail"
            if number in told or (write is not None and not failed and write.invoke.index < _end(read)):
                continue
            told[number] = None
            why = "though its insert had failed" if failed else "which nobody had inserted"
            yield Anomaly(
                name="phantom",
                sentence=f"{read.node} shows {number}, {why}",
                operations=_merged(*(() if write is None else write.ops), *read.ops),
            )


def _weakness(losses: Sequence[_Loss]) -> Iterator[Anomaly]:
    """One for all failovers: what they lost, and over which time."""
    if not losses:
        return
    worst = max(losses, key=lambda loss: (len(loss.inside), loss.window_ms))
    lost = sum(len(loss.inside) for loss in losses)
    yield Anomaly(
        name="lost-in-window",
        sentence=f"{len(losses)} failovers lost {lost} acknowledged writes that had not been replicated yet: "
        f"up to {len(worst.inside)} at once, over up to {max(loss.window_ms for loss in losses):.0f} ms",
        operations=_merged(*(op for write in worst.inside[:5] for op in write.ops)),
        details={"lost": lost, "failovers": [_told(loss) for loss in losses]},
    )


def _told(loss: _Loss) -> dict[str, Any]:
    return {
        "old": loss.reign.node,
        "new": loss.reign.successor,
        "lost": len(loss.inside),
        "window_ms": loss.window_ms,
        "acknowledged": len(loss.reign.writes),
    }


def _statistics(evidence: _Evidence, losses: Sequence[_Loss], anomalies: Sequence[Anomaly]) -> dict[str, Any]:
    names = [anomaly.name for anomaly in anomalies]
    inside = sum(len(loss.inside) for loss in losses)
    outside = sum(len(loss.outside) for loss in losses)
    acknowledged = sum(len(reign.writes) for reign in evidence.reigns)
    return {
        "acknowledged": acknowledged,
        "kept": acknowledged - inside - outside,
        "lost_in_window": inside,
        "lost_outside_window": outside,
        "resurrected": names.count("resurrected-write"),
        "phantoms": names.count("phantom"),
        "failovers": max(0, len(evidence.reigns) - 1),
        "losses": [_told(loss) for loss in losses if loss.inside],
    }


def _end(pair: Pair) -> int:
    return pair.invoke.index if pair.completion is None else pair.completion.index


def _time(pair: Pair) -> int:
    return UNTIMED if pair.completion is None else pair.completion.time


def _merged(*ops: Op) -> tuple[Op, ...]:
    return tuple(sorted({op.index: op for op in ops}.values(), key=lambda op: op.index))


def _few(anomalies: Sequence[Anomaly]) -> Iterator[Anomaly]:
    told: dict[str, int] = {}
    for anomaly in anomalies:
        told[anomaly.name] = told.get(anomaly.name, 0) + 1
        if told[anomaly.name] <= _MOST:
            yield anomaly
