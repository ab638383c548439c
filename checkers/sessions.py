"""Session guarantees: what a client may rely on from one of its operations to its next (Terry et al. 1994).

Operations are transactions on lists (`checkers.transactions`), of one micro-operation or more; a session is a
process; elements are appended once to a key. For each key:

    read-your-writes     a read shows every element that its session had appended before, acknowledged
    monotonic-reads      a read shows every element that an earlier read of its session showed
    monotonic-writes     whoever sees an element sees, before it, the one that its session had appended last
    writes-follow-reads  whoever sees an element sees, before it, all that its session had read until then

"Before" is the order of micro-operations within a transaction and of transactions within a process. All four
are judged key by key: that a session which read x and then appended to y is seen in this order by those who
read y and then x is not asked here (cycles of `list-append` show it). In which order elements stand in a list
matters only where the guarantee says so. If no transaction was acknowledged that read anything, the answer is
unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Process
from checkers.models import Label, text
from checkers.transactions.transaction import ShapeError, Txn, Value, transactions
from checkers.verdict import Anomaly, Limits, Verdict

_TXN_BYTES = 800  # its micro-operations and their places in tables
_MOST_ANOMALIES = 10
"""So many of each name are told; all are counted."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The checker. `statistics`: `sessions`, `reads`, and the anomalies by name."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge every session, key by key."""
        budget = Budget(limits)
        try:
            budget.charge(_TXN_BYTES * len(history.pairs))
            txns = transactions(history, "append")
            found = list(_judge(txns, budget))
        except (LimitReachedError, ShapeError) as error:
            return Verdict("unknown", reasons=(str(error),))
        counts = Counter(anomaly.name for anomaly in found)
        reads = sum(1 for txn in txns for _ in txn.reads)
        statistics = {"sessions": len({txn.process for txn in txns}), "reads": reads, **counts}
        if not reads:
            return Verdict("unknown", (), statistics, ("no transaction was acknowledged that read anything",))
        shown: Counter[str] = Counter()
        few = []
        for anomaly in found:
            shown[anomaly.name] += 1
            if shown[anomaly.name] <= _MOST_ANOMALIES:
                few.append(anomaly)
        return Verdict(not found, tuple(few), statistics)


@dataclass(slots=True)
class _Session:
    """What a process has done to a key so far."""

    appended: dict[Value, Txn] = field(default_factory=dict)
    """Acknowledged, in order."""
    read: tuple[Value, ...] = ()
    reader: Txn | None = None


@dataclass(frozen=True, slots=True)
class _Before:
    """What must stand before an element, and why: the last append and the last read of its session."""

    txn: Txn
    appended: tuple[Value, Txn] | None
    read: tuple[Value, ...]
    reader: Txn | None


@dataclass(slots=True)
class _Key:
    """One list: its sessions, what must stand before its elements, and all reads."""

    sessions: dict[Process, _Session] = field(default_factory=dict)
    before: dict[Value, _Before] = field(default_factory=dict)
    reads: list[tuple[Txn, tuple[Value, ...]]] = field(default_factory=list)


def _judge(txns: Sequence[Txn], budget: Budget) -> Iterator[Anomaly]:
    keys: dict[Label, _Key] = {}
    for txn in txns:
        budget.check_time()
        if txn.type == "fail":
            continue
        for mop in txn.mops:
            key = keys.setdefault(mop.key, _Key())
            session = key.sessions.setdefault(txn.process, _Session())
            if mop.f == "append":
                last = next(reversed(session.appended.items()), None)
                key.before[mop.value] = _Before(txn, last, session.read, session.reader)
                if txn.type == "ok":
                    session.appended[mop.value] = txn
            elif txn.type == "ok":
                yield from _judge_read(mop.key, session, txn, mop.value)
                session.read, session.reader = mop.value, txn
                key.reads.append((txn, mop.value))
    for name, key in keys.items():
        budget.check_time()
        yield from _judge_order(name, key)


def _judge_read(key: Value, session: _Session, txn: Txn, value: tuple[Value, ...]) -> Iterator[Anomaly]:
    """A read against its own session."""
    if len(session.appended) > len(value) or any(element not in value for element in session.appended):
        element, writer = next((e, t) for e, t in session.appended.items() if e not in value)
        words = f"process {txn.process} appended {text(element)} to {text(key)} and then read it without"
        yield _anomaly("read-your-writes", words, writer, txn)
    gone = set() if value[: len(session.read)] == session.read else set(session.read) - set(value)
    if gone and session.reader is not None:
        element = next(element for element in session.read if element in gone)
        words = f"process {txn.process} read {text(key)} with {text(element)} and then without"
        yield _anomaly("monotonic-reads", words, session.reader, txn)


def _judge_order(name: Value, key: _Key) -> Iterator[Anomaly]:
    """What stands before what: in the longest read, and in those that are no beginning of it."""
    if not key.reads:
        return
    longest = max(key.reads, key=lambda read: len(read[1]))
    said: set[tuple[str, Value]] = set()
    for txn, value in [longest, *(read for read in key.reads if longest[1][: len(read[1])] != read[1])]:
        for anomaly, element in _judge_elements(name, key, txn, value):
            if (anomaly.name, element) not in said:
                said.add((anomaly.name, element))
                yield anomaly


def _judge_elements(
    name: Value, key: _Key, txn: Txn, value: tuple[Value, ...]
) -> Iterator[tuple[Anomaly, Value]]:
    places = {element: place for place, element in enumerate(value)}
    for element, place in places.items():
        before = key.before.get(element)
        if before is None:
            continue
        shown = f"process {txn.process} read {text(name)} with {text(element)}"
        if before.appended is not None and places.get(before.appended[0], place) >= place:
            first, writer = before.appended
            words = f"{shown}, but not before it {text(first)}, which its writer had appended earlier"
            yield _anomaly("monotonic-writes", words, writer, before.txn, txn), element
        fits = len(before.read) <= place and value[: len(before.read)] == before.read
        missing = [] if fits else [e for e in before.read if places.get(e, place) >= place and e != element]
        if missing and before.reader is not None:
            words = f"{shown}, but not before it {text(missing[0])}, which its writer had read earlier"
            yield _anomaly("writes-follow-reads", words, before.reader, before.txn, txn), element


def _anomaly(name: str, words: str, *txns: Txn) -> Anomaly:
    ops = {op.index: op for txn in txns for op in txn.ops}
    where = ", ".join(str(index) for index in dict.fromkeys(txn.begin for txn in txns))
    return Anomaly(name, f"{words} (index {where})", tuple(ops[index] for index in sorted(ops)))
