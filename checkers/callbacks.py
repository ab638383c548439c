"""Whether an observer of the agency is told of each change.

The observers are the servers of a group: each is sent what the agency tells, and keeps it as a document. Only
the one that leads takes it, so the leader has what was told. The operations:

    change   value n; `ok` value {"number": n, "index": i}: a change of what is observed, at place i of the
             agency's log
    called   `ok` value {"indices": [..], "strange": n}: the places up to which the leader was told, and how
             many documents it has that tell of something else. That it takes documents was tried before.
    observe  as in `checkers.failover_reigns`

To be told is a hint: one message may stand for many changes, may come again, and is given up after a while if
nobody takes it. So what is demanded is that a change is told, at its own place or a later one, within ten
seconds in which nothing was broken, to a server that led all the time, and took documents before and after.

    not-called-back  a change was not told though nothing was in the way
    strange-call     an observer was told of something that it does not observe
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checkers.failover_reigns import Reigns
from checkers.faults import Fault, faults
from checkers.history import History, Pair
from checkers.statistics import quantiles_ms
from checkers.verdict import Anomaly, Limits, Verdict

_MOST = 10
_PATIENCE_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The checker. Unknown if no change had to be told."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Compare what was changed with what was told."""
        reads = [pair for pair in history.pairs if pair.f == "called" and pair.type == "ok"]
        changes = [pair for pair in history.pairs if pair.f == "change" and pair.type == "ok"]
        due = list(owed(history))
        missed = [(change, read) for change, read in due if not _tells(read, change)]
        anomalies = (*(_missed(*each) for each in missed[:_MOST]), *_strange(reads))
        reasons = () if due else ("no change was made in a time in which it had to be told",)
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=anomalies,
            statistics={
                "changes": len(changes),
                "due": len(due),
                "missed": len(missed),
                "calls": max((len(read.value["indices"]) for read in reads), default=0),
                "seen_after_ms": quantiles_ms(list(_delays(changes, reads))),
            },
            reasons=() if anomalies else reasons,
        )


def owed(history: History) -> Iterator[tuple[Pair, Pair]]:
    """The changes that had to be told, each with the leader's answer that must show it."""
    named, broken = Reigns.of(history), faults(history)
    reads = [pair for pair in history.pairs if pair.f == "called" and pair.type == "ok"]
    for change in (pair for pair in history.pairs if pair.f == "change" and pair.type == "ok"):
        before = next((r for r in reversed(reads) if r.precedes(change)), None)
        read = next((r for r in reads if r.invoke.time >= _time(change) + _PATIENCE_NS), None)
        if before is None or read is None or before.node != read.node or not _is_calm(broken, before, read):
            continue
        if named.named(before.invoke.index, read.ops[-1].index) == {read.node}:
            yield change, read


def _time(pair: Pair) -> int:
    return pair.ops[-1].time


def _is_calm(broken: Sequence[Fault], before: Pair, read: Pair) -> bool:
    """Whether no fault was in force from one answer to the other."""
    begin, end = before.invoke.index, read.ops[-1].index
    return not any(fault.begin <= end and begin <= fault.end for fault in broken)


def _tells(read: Pair, change: Pair) -> bool:
    return any(index >= change.value["index"] for index in read.value["indices"])


def _delays(changes: Sequence[Pair], reads: Sequence[Pair]) -> Iterator[int]:
    """From the end of each change to the end of the first answer that shows it."""
    for change in changes:
        later = (read for read in reads if change.precedes(read))
        shown = next((read for read in later if _tells(read, change)), None)
        if shown is not None:
            yield _time(shown) - _time(change)


def _missed(change: Pair, read: Pair) -> Anomaly:
    return Anomaly(
        "not-called-back",
        f"change {change.value['number']} is at place {change.value['index']} of the agency's log, and "
        f"{read.node}, which observes it, was told up to {max(read.value['indices'], default=0)} only, "
        f"{(read.invoke.time - _time(change)) / 1e9:.0f} s later",
        (*change.ops, *read.ops),
    )


def _strange(reads: Sequence[Pair]) -> Iterator[Anomaly]:
    read = next((read for read in reads if read.value["strange"]), None)
    if read is not None:
        sentence = f"{read.node} was told {read.value['strange']} times of what it does not observe"
        yield Anomaly("strange-call", sentence, read.ops)
