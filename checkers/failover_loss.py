"""Which acknowledged writes a failover lost, and whether it lost them as asynchronous replication may.

The operations:

    insert   value n: something new with number n, at whoever leads; its `ok` names who acknowledged it.
             There may be several kinds of these, each under its own name; they go into one log.
    read     `ok` value {"numbers": [..], "dirty": bool}: everything on one server. Not dirty: it led.
    observe  as in `checkers.failover_reigns`; may be missing

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
to tell them, if writes are many. Where they are few, another leader may have come and gone in between; so
where the agency was looked at, a row goes on only as long as nobody else can have been named. The window of
a failover is the time from the first lost acknowledgement to the old leader's last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from checkers.failover_reigns import Reigns
from checkers.faults import deaths
from checkers.history import UNTIMED, History, Op, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_MOST = 10


@dataclass(frozen=True, slots=True)
class FailoverLoss:
    """The checker, for writes of these names. Unknown without a last read of a leader."""

    writes: frozenset[str] = frozenset({"insert"})

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - sorts and passes, no search
        """Classify every acknowledged insert."""
        evidence = _Evidence.of(history, self.writes)
        if evidence.last is None:
            return Verdict("unknown", reasons=("no leader was read after the last insert",))
        losses = [_loss(evidence, reign) for reign in evidence.reigns]
        anomalies = [*_outside(losses), *_resurrected(evidence), *_phantoms(evidence)]
        inside = [loss for loss in losses if loss.inside]
        reasons = () if evidence.inserts else ("nothing was written",)
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=tuple(_few(anomalies)),
            weaknesses=tuple(_weakness(inside)),
            statistics=_statistics(evidence, losses, anomalies),
            reasons=reasons,
        )


@dataclass(frozen=True, slots=True)
class _Reign:
    """Acknowledged writes of one leader in the order of their answers; who acknowledged the next ones, and
    the line on which the first of these was invoked. No successor is known where nobody wrote again, or where
    the same node did; `replaced` says whether there may have been one.
    """

    node: str
    writes: Sequence[Pair]
    successor: str | None
    takeover: int
    replaced: bool


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
    named: Reigns
    changes: int

    @staticmethod
    def of(history: History, writes: frozenset[str]) -> _Evidence:
        inserts = {pair.invoke.value: pair for pair in history.pairs if pair.f in writes}
        acknowledged = [pair for pair in inserts.values() if pair.type == "ok"]
        reads = [pair for pair in history.pairs if pair.f == "read" and pair.type == "ok"]
        of_leaders = [pair for pair in reads if not pair.value["dirty"]]
        end = max((_end(pair) for pair in acknowledged), default=-1)
        final = [pair for pair in of_leaders if pair.invoke.index > end]
        named = Reigns.of(history)
        rows = list(_rows(named, sorted(acknowledged, key=_end)))
        return _Evidence(
            history=history,
            inserts=inserts,
            reigns=[
                _reign(named, row, after, final) for row, after in zip(rows, [*rows[1:], ()], strict=True)
            ],
            reads=of_leaders,
            shown=reads,
            last=frozenset(final[-1].value["numbers"]) if final else None,
            named=named,
            changes=sum(1 for old, new in pairwise(rows) if old[0].node != new[0].node),
        )


def _rows(named: Reigns, acknowledged: Sequence[Pair]) -> Iterator[list[Pair]]:
    row: list[Pair] = []
    for pair in acknowledged:
        if row and (row[-1].node != pair.node or _may_be_replaced(named, row[-1], pair)):
            yield row
            row = []
        row.append(pair)
    if row:
        yield row


def _may_be_replaced(named: Reigns, earlier: Pair, later: Pair) -> bool:
    """Whether somebody else may have led between two answers of one node, as far as the agency was asked."""
    return bool(named.observations) and named.named(earlier.invoke.index, _end(later)) != {earlier.node}


def _reign(named: Reigns, row: Sequence[Pair], after: Sequence[Pair], final: Sequence[Pair]) -> _Reign:
    node, last = row[0].node or "", row[-1]
    if not after:
        replaced = bool(final) and (final[-1].node != node or _may_be_replaced(named, last, final[-1]))
        return _Reign(node, row, None, 1 << 62, replaced)
    successor = after[0].node if after[0].node != node else None
    return _Reign(node, row, successor, after[0].invoke.index, replaced=True)


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
    if not reign.replaced:
        return f"{reign.node} was never replaced", ()
    if newest is not None and write.precedes(newest):
        return f"{newest.f} {newest.invoke.value}, which {reign.node} took later, was kept", newest.ops
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
            cut = any(read.invoke.index < f.end and f.begin < reign.takeover for f in cuts)
            if not cut and _directly(evidence.named, reign, read):
                return read
    return None


def _directly(named: Reigns, reign: _Reign, read: Pair) -> bool:
    """Whether nobody else came between a reign and its successor after a read."""
    between = named.named(read.invoke.index, reign.takeover)
    return not named.observations or (bool(between) and between <= {reign.node, reign.successor, None})


def _outside(losses: Sequence[_Loss]) -> Iterator[Anomaly]:
    for loss in losses:
        for write, why, ops in loss.outside:
            yield Anomaly(
                name="lost-outside-window",
                sentence=f"{write.f} {write.invoke.value}, acknowledged by {loss.reign.node}, is lost, "
                f"although {why}",
                operations=_merged(*write.ops, *ops),
                details={"number": write.invoke.value},
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
        sentence=f"{write.f} {write.invoke.value} was lost when {without.node} was read, "
        f"and {read.node} shows it again",
        operations=_merged(*write.ops, *without.ops, *read.ops),
        details={"number": write.invoke.value},
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
            why = "though it had certainly failed" if failed else "which nobody had written"
            yield Anomaly(
                name="phantom",
                sentence=f"{read.node} shows {number}, {why}",
                operations=_merged(*(() if write is None else write.ops), *read.ops),
                details={"number": number},
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
        "failovers": evidence.changes,
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
