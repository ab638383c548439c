"""What a follower shows while it follows: the order of the log, whole transactions, and how far it lags.

Asynchronous replication promises a *consistent prefix* (Terry et al. 1994): at any moment a follower shows
the state that the leader had at some earlier moment. So a read of a follower breaks the promise if it shows
a write B and lacks a write A that certainly precedes B in the leader's log, or shows a number that nobody
wrote. A slot whose two documents differ shows half a transaction. The operations are those of
`checkers.numbered_writes`.

While a follower copies everything anew (`checkers.resync`) it follows no log: its reads are not judged then.

Not here: whether all copies are equal at the end (`checkers.convergence`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Pair
from checkers.lag import Lag, lag_of, measure, weakness
from checkers.numbered_writes import Read, Writes, end, merged, where, words
from checkers.resync import resyncs
from checkers.verdict import Anomaly, Limits, Verdict

_MOST_ANOMALIES = 8
"""So many of each name are told; all are counted."""
_NUMBER_BYTES = 60  # an integer and its place in a set


@dataclass(frozen=True, slots=True)
class Replication:
    """The checker. `durable` says that acknowledged writes were asked to be on disk: then a write that the
    leader lacks at the end is an anomaly, otherwise it is a weakness.

    Anomalies of followers: `order-violation`, `half-transaction`, `phantom-on-follower`; of the leader:
    `lost-write`, `stale-read`, `fractured-read`, `phantom`; of any: `duplicate`. Weakness: `replication-lag`.
    """

    durable: bool = True

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge every read; unknown if no read of a follower could be judged, or a limit was reached."""
        try:
            return self._judge(_Evidence.of(history, Budget(limits)), history)
        except LimitReachedError as reached:
            return Verdict("unknown", reasons=(str(reached),))

    def _judge(self, evidence: _Evidence, history: History) -> Verdict:
        losses = list(_losses(evidence))
        anomalies = [*_findings(evidence), *(losses if self.durable else ())]
        lag = weakness(evidence.lags, history)
        weaknesses = [*(() if lag is None else (lag,)), *(() if self.durable else losses)]
        judged = sum(1 for read in evidence.judged if not read.of_leader)
        return Verdict(
            valid=False if anomalies else True if judged else "unknown",
            anomalies=tuple(_some(anomalies)),
            weaknesses=tuple(_some(weaknesses)),
            statistics=_statistics(evidence, judged, anomalies),
            reasons=() if anomalies or judged else ("no read of a follower could be judged",),
        )


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What is judged. `judged` are the reads outside of full copies, `last` the last read of the leader and
    `lost` what it lacks; `lags` are of reads of followers, `stale` of those of the leader."""

    budget: Budget
    writes: Writes
    reads: Sequence[Read]
    judged: Sequence[Read]
    last: Read | None
    lost: Sequence[Pair]
    lags: Sequence[Lag]
    stale: Sequence[Lag]

    @staticmethod
    def of(history: History, budget: Budget) -> _Evidence:
        writes = Writes.of(history)
        reads = []
        for pair in history.pairs:
            if pair.f == "read" and pair.type == "ok":
                budget.charge(_NUMBER_BYTES * len(pair.value["numbers"]))
                reads.append(Read.of(pair))
        copies = resyncs(history)
        lags = [lag_of(read, writes) for read in _in_time(reads, budget)]
        of_leader = [lag for lag in lags if lag.read.of_leader]
        return _Evidence(
            budget,
            writes,
            reads,
            judged=[r for r in reads if not any(copy.touches(r.server - 1, r.pair) for copy in copies)],
            last=of_leader[-1].read if of_leader else None,
            lost=of_leader[-1].missing if of_leader else (),
            lags=[lag for lag in lags if not lag.read.of_leader],
            stale=of_leader,
        )

    def not_lost(self, writes: Iterable[Pair]) -> list[Pair]:
        lost = dict.fromkeys(write.invoke.index for write in self.lost)
        return [write for write in writes if write.invoke.index not in lost]


def _in_time(reads: Iterable[Read], budget: Budget) -> Iterator[Read]:
    """The reads, as long as there is time."""
    for read in reads:
        budget.check_time()
        yield read


def _findings(evidence: _Evidence) -> Iterator[Anomaly]:
    yield from _disorder(evidence)
    yield from _halves(evidence)
    yield from _stale(evidence)
    for read in _in_time(evidence.reads, evidence.budget):
        yield from _phantoms(evidence.writes, read)


def _losses(evidence: _Evidence) -> Iterator[Anomaly]:
    """Acknowledged writes that the last read of the leader lacks."""
    for write in evidence.lost:
        assert evidence.last is not None
        yield Anomaly(
            name="lost-write",
            sentence=f"{words(write)} was acknowledged, but the leader does not show it in the end",
            operations=merged(*write.ops, *evidence.last.pair.ops),
        )


def _disorder(evidence: _Evidence) -> Iterator[Anomaly]:
    """Reads of followers that show a later write without an earlier one that the leader's log has."""
    for read in _in_time(evidence.judged, evidence.budget):
        latest = evidence.writes.latest(read)
        if latest is None or read.of_leader:
            continue
        missing = evidence.not_lost(evidence.writes.missing(read, latest.invoke.index))
        if missing:
            yield Anomaly(
                name="order-violation",
                sentence=f"{where(read)} shows {words(latest)} but not {words(missing[0])}, "
                "which had completed before the other began",
                operations=merged(*missing[0].ops, *latest.ops, *read.pair.ops),
                details={"missing": len(missing)},
            )


def _stale(evidence: _Evidence) -> Iterator[Anomaly]:
    """Reads of the leader that lack what had been acknowledged before they began, though it was not lost."""
    for lag in evidence.stale:
        missing = evidence.not_lost(lag.missing)
        if missing:
            yield Anomaly(
                name="stale-read",
                sentence=f"{where(lag.read)} lacks {words(missing[0])}, acknowledged before it began",
                operations=merged(*missing[0].ops, *lag.read.pair.ops),
                details={"missing": len(missing)},
            )


def _halves(evidence: _Evidence) -> Iterator[Anomaly]:
    """Slots whose two documents do not agree."""
    for read in evidence.judged:
        for slot, (left, right) in read.slots.items():
            if left == right:
                continue
            written = (
                evidence.writes.transactions.get((slot, half)) for half in (left, right) if half is not None
            )
            yield Anomaly(
                name="fractured-read" if read.of_leader else "half-transaction",
                sentence=f"{where(read)} shows {left} and {right} in slot {slot}, "
                "whose documents are only ever written together",
                operations=merged(*(op for write in written if write for op in write.ops), *read.pair.ops),
                details={"slot": slot, "left": left, "right": right},
            )


def _phantoms(writes: Writes, read: Read) -> Iterator[Anomaly]:
    """Numbers that were read and never written, or whose write had failed, or that were there twice."""
    line, inserts, transactions = end(read.pair), writes.inserts, writes.transactions
    for number in writes.strange(read):
        yield _phantom(read, f"document {number}", inserts.get(number))
    for slot, halves in read.slots.items():
        for half in halves:
            if half is not None and _is_strange(transactions.get((slot, half)), line):
                yield _phantom(read, f"number {half} in slot {slot}", transactions.get((slot, half)))
    for number in read.repeated:
        yield Anomaly("duplicate", f"{where(read)} shows document {number} more than once", read.pair.ops)


def _is_strange(write: Pair | None, line: int) -> bool:
    """Whether nobody can have seen its effect by then."""
    return write is None or write.invoke.index > line or write.type == "fail"


def _phantom(read: Read, what: str, write: Pair | None) -> Anomaly:
    failed = write is not None and write.type == "fail"
    why = "though its write had failed" if failed else "that nobody had written"
    return Anomaly(
        name="phantom" if read.of_leader else "phantom-on-follower",
        sentence=f"{where(read)} shows {what}, {why}",
        operations=merged(*(() if write is None else write.ops), *read.pair.ops),
    )


def _statistics(evidence: _Evidence, judged: int, anomalies: Sequence[Anomaly]) -> dict[str, Any]:
    names = [anomaly.name for anomaly in anomalies]
    acknowledged = evidence.writes.acknowledged
    return {
        "writes_acknowledged": len(acknowledged),
        "transactions_acknowledged": sum(1 for write in acknowledged if write.f == "transact"),
        "follower_reads": len(evidence.lags),
        "follower_reads_during_resync": len(evidence.lags) - judged,
        "lag": measure(evidence.lags),
        "anomalies": {name: names.count(name) for name in sorted(dict.fromkeys(names))},
    }


def _some(anomalies: Sequence[Anomaly]) -> Iterator[Anomaly]:
    told: dict[str, int] = {}
    for anomaly in anomalies:
        told[anomaly.name] = told.get(anomaly.name, 0) + 1
        if told[anomaly.name] <= _MOST_ANOMALIES:
            yield anomaly
