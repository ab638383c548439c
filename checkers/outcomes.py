"""Outcomes: is what the client said about its operations believable?

A verdict is worth what its history is worth. This looks for operations that a client, and not the database,
must have got wrong:

    failed-but-seen   an operation ended with fail, and its value was later read although no other operation
                      that may have happened wrote it. `fail` must mean that it certainly did not happen
    ended-early       a completion without a running operation of its process, or timed before its invocation
    acted-after-info  a process went on under its number after an operation of unknown outcome
    clock-ran-back    a line is timed before the line above it

These are never violations by a database: the answer is true if there are none, and else "unknown", with the
suspects as `weaknesses` and the reason "the client's classification is suspect". What is read is taken from
every value of an `ok` "read" and of transactions' `["r", key, value]`; what is written from "write", "cas",
"add", "append", "enqueue", and transactions. A database that shows what it had refused (an aborted read)
looks the same here, which is why this accuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from checkers.budget import Budget, LimitReachedError
from checkers.history import NEMESIS, UNTIMED, History, Op, Process
from checkers.models import freeze, text
from checkers.verdict import Anomaly, Limits, Verdict

_OP_BYTES = 300  # what was written by it, and its places in tables
_MOST_ANOMALIES = 10
"""So many of each name are told; all are counted."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The checker. `statistics` counts the suspects by name. It takes histories that cannot be paired."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """Look at every line."""
        budget = Budget(limits)
        try:
            budget.charge(_OP_BYTES * len(history))
            found = [*_order(history), *_clock(history), *_seen(history, budget)]
        except LimitReachedError as error:
            return Verdict("unknown", reasons=(str(error),))
        if not any(op.process != NEMESIS for op in history):
            return Verdict("unknown", reasons=("the history has no operation of a client",))
        counts: dict[str, int] = {}
        shown = []
        for anomaly in found:
            counts[anomaly.name] = counts.get(anomaly.name, 0) + 1
            if counts[anomaly.name] <= _MOST_ANOMALIES:
                shown.append(anomaly)
        if not found:
            return Verdict(True, statistics={"suspects": 0})
        words = ", ".join(f"{count} {name}" for name, count in counts.items())
        reason = f"the client's classification is suspect: {words}; for example, {found[0].sentence}"
        statistics = {"suspects": len(found), **counts}
        return Verdict("unknown", statistics=statistics, reasons=(reason,), weaknesses=tuple(shown))


def _order(history: History) -> Iterator[Anomaly]:
    """Processes that complete what they did not begin, or go on after they must not."""
    running: dict[Process, Op] = {}
    retired: dict[Process, Op] = {}
    for op in history:
        if op.process == NEMESIS:
            continue
        if op.process in retired:
            sentence = (
                f"process {op.process} acts on after its operation at index {retired[op.process].index}"
            )
            yield Anomaly("acted-after-info", f"{sentence} ended with info", (retired[op.process], op))
        if op.type == "invoke":
            running[op.process] = op
            continue
        begun = running.pop(op.process, None)
        if begun is None:
            sentence = f"process {op.process} completes at index {op.index} what it had not begun"
            yield Anomaly("ended-early", sentence, (op,))
        elif UNTIMED not in (begun.time, op.time) and op.time < begun.time:
            sentence = f"the operation that began at index {begun.index} ended before that by its time"
            yield Anomaly("ended-early", sentence, (begun, op))
        if op.type == "info":
            retired.setdefault(op.process, op)


def _clock(history: History) -> Iterator[Anomaly]:
    for before, after in pairwise(op for op in history if op.time != UNTIMED):
        if after.time < before.time:
            sentence = (
                f"index {after.index} is timed {before.time - after.time} ns before index {before.index}"
            )
            yield Anomaly("clock-ran-back", sentence, (before, after))


def _seen(history: History, budget: Budget) -> Iterator[Anomaly]:
    """Failed operations whose value was read afterwards, and that nobody else can have written."""
    failed: dict[tuple[Any, Any], tuple[Op, Op]] = {}
    possible: set[tuple[Any, Any]] = set()
    reads = []
    for begun, ended in _operations(history):
        budget.check_time()
        if ended is not None and ended.type == "fail":
            failed.update(dict.fromkeys(_written(begun), (begun, ended)))
        else:
            possible.update(_written(begun))
        if ended is not None and ended.type == "ok":
            reads.append(ended)
    for op in reads:
        for name in _read(op):
            if name in failed and name not in possible and failed[name][1].index < op.index:
                begun, ended = failed.pop(name)
                words = f"index {ended.index} says that {text(name[1])} was not written"
                yield Anomaly("failed-but-seen", f"{words}, but index {op.index} read it", (begun, ended, op))


def _operations(history: History) -> Iterator[tuple[Op, Op | None]]:
    """Invocations with their completions, as far as lines can be paired."""
    running: dict[Process, Op] = {}
    for op in history:
        if op.process == NEMESIS:
            continue
        if op.type == "invoke":
            if op.process in running:
                yield running[op.process], None
            running[op.process] = op
        elif op.process in running:
            yield running.pop(op.process), op
    yield from ((op, None) for op in running.values())


def _written(op: Op) -> Iterator[tuple[Any, Any]]:
    if op.f in ("write", "add", "append", "enqueue"):
        yield op.key, freeze(op.value)
    elif op.f == "cas" and isinstance(op.value, list) and len(op.value) == 2:
        yield op.key, freeze(op.value[1])
    elif op.f == "txn":
        yield from ((freeze(key), freeze(value)) for f, key, value in _mops(op) if f != "r")


def _read(op: Op) -> Iterator[tuple[Any, Any]]:
    if op.f in ("read", "dequeue", "drain"):
        shown: list[tuple[Any, Any]] = [(op.key, op.value)]
    elif op.f == "txn":
        shown = [(freeze(key), value) for f, key, value in _mops(op) if f == "r"]
    else:
        return
    for key, value in shown:
        yield from ((key, freeze(part)) for part in (value if isinstance(value, list) else [value]))


def _mops(op: Op) -> list[list[Any]]:
    value = op.value if isinstance(op.value, list) else []
    return [mop for mop in value if isinstance(mop, list) and len(mop) == 3]
