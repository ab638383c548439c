"""Operations as a table: one row for each invocation joined to its completion, and what is counted from it.

Columns of the table: `invoked` and `completed` are positions in the run's operations (-1: never completed),
`lane` is the worker that acted (processes t, t+n, t+2n, ... are one worker of n), `start_ns`, `end_ns`,
`outcome` ("ok", "fail", "info"). An operation that never completed is `info` and lasts to the end of the run.
The nemesis is not in the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from checkers.history import NEMESIS, Op, Process
from harness.reports.run_folder import Fault, RunFolder

OUTCOMES = ("ok", "fail", "info")
QUANTILES = (0.5, 0.95, 0.99)
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
BUCKETS = 75
"""At most so many rows in the table beside a plot."""


def table(run: RunFolder) -> pd.DataFrame:
    """The run's client operations, in the order of their invocation."""
    waiting: dict[Process, int] = {}
    rows: dict[str, list[object]] = {name: [] for name in ("invoked", "completed", "process", "f")}
    rows |= {name: [] for name in ("start_ns", "end_ns", "outcome")}
    end_ns = run.end_ns
    for position, op in enumerate(run.operations):
        if op.process == NEMESIS:
            continue
        if op.type == "invoke":
            waiting[op.process] = len(rows["invoked"])
            _append(rows, (position, -1, op.process, op.f, op.time, end_ns, "info"))
        elif (row := waiting.pop(op.process, None)) is not None:
            rows["completed"][row] = position
            rows["end_ns"][row] = op.time
            rows["outcome"][row] = op.type
    frame = pd.DataFrame(rows)
    frame["lane"] = _lanes(frame["process"].tolist(), run.test.concurrency)
    for name in ("invoked", "completed", "start_ns", "end_ns"):
        frame[name] = frame[name].astype("int64")
    frame["latency_ns"] = frame["end_ns"] - frame["start_ns"]
    return frame


def _append(rows: dict[str, list[object]], row: tuple[object, ...]) -> None:
    for column, cell in zip(rows.values(), row, strict=True):
        column.append(cell)


def _lanes(processes: Sequence[Process], workers: int | None) -> list[int]:
    """The worker of each operation; without a known number of workers every process is its own lane."""
    if workers:
        return [p % workers if isinstance(p, int) else 0 for p in processes]
    order = sorted(set(processes), key=lambda p: (isinstance(p, str), p if isinstance(p, int) else 0, str(p)))
    number = {process: lane for lane, process in enumerate(order)}
    return [number[process] for process in processes]


def step_ns(end_ns: int) -> int:
    """The width of a bucket so that a run has at most BUCKETS of them, in nanoseconds."""
    fitting = (step for step in STEPS_S if end_ns / 1e9 / step <= BUCKETS)
    return round(next(fitting, end_ns / 1e9 / BUCKETS) * 1e9)


def rates(operations: pd.DataFrame, end_ns: int) -> pd.DataFrame:
    """Completions a second by outcome, a row for each bucket of the run, indexed by its start in ns."""
    step = step_ns(end_ns)
    done = operations[operations["completed"] >= 0]
    bucket = done["end_ns"] // step * step
    counts = pd.crosstab(bucket, done["outcome"])
    every = range(0, end_ns // step * step + step, step)
    return counts.reindex(index=every, columns=list(OUTCOMES), fill_value=0) / (step / 1e9)


def latencies(operations: pd.DataFrame, end_ns: int) -> pd.DataFrame:
    """Quantiles and maximum of the latency in ns of `ok` operations, by bucket of their completion.

    The others are left out: how long nobody answered is the deadline's figure, not the database's.
    """
    step = step_ns(end_ns)
    done = operations[operations["outcome"] == "ok"]
    grouped = done.groupby(done["end_ns"] // step * step)["latency_ns"]
    columns = {f"p{q * 100:.0f}": grouped.quantile(q) for q in QUANTILES} | {"max": grouped.max()}
    return pd.DataFrame(columns | {"operations": grouped.size()})


@dataclass(frozen=True, slots=True)
class Mix:
    """How the operations of one function ended, and how long those that completed took (ns)."""

    f: str
    ok: int
    fail: int
    info: int
    p50: float | None
    p99: float | None
    max: float | None

    @property
    def total(self) -> int:
        """All of them."""
        return self.ok + self.fail + self.info


def outcome_mix(operations: pd.DataFrame) -> list[Mix]:
    """A row for each function, and a last one for all together."""
    groups = [(str(f), rows) for f, rows in operations.groupby("f", sort=True)]
    return [_mix(f, rows) for f, rows in [*groups, ("all", operations)]]


def _mix(f: str, rows: pd.DataFrame) -> Mix:
    outcomes = rows["outcome"].value_counts()
    done = rows.loc[rows["completed"] >= 0, "latency_ns"]
    numbers = {name: int(outcomes.get(name, 0)) for name in OUTCOMES}
    if done.empty:
        return Mix(f, **numbers, p50=None, p99=None, max=None)
    return Mix(
        f, **numbers, p50=float(done.quantile(0.5)), p99=float(done.quantile(0.99)), max=float(done.max())
    )


@dataclass(frozen=True, slots=True)
class Exposure:
    """Operations that completed while any fault was in force, or while none was."""

    when: str
    ok: int
    operations: int


def exposures(operations: pd.DataFrame, faults: Sequence[Fault], end_ns: int) -> list[Exposure]:
    """How operations ended that overlapped a fault, and how the others did."""
    during = pd.Series(data=False, index=operations.index)
    for fault in faults:
        last = end_ns if fault.end_ns is None else fault.end_ns
        during |= (operations["end_ns"] >= fault.start_ns) & (operations["start_ns"] <= last)
    good = operations["outcome"] == "ok"
    return [
        Exposure("While a fault was in force", int((good & during).sum()), int(during.sum())),
        Exposure("While none was", int((good & ~during).sum()), int((~during).sum())),
    ]


def frequent_errors(operations: Sequence[Op], limit: int = 12) -> list[tuple[str, str, str, int]]:
    """(function, outcome, error, how often) of completions that gave an error, the most frequent first."""
    errors = Counter(
        (op.f, op.type, op.error) for op in operations if op.error is not None and op.process != NEMESIS
    )
    ranked = sorted(errors.items(), key=lambda item: (-item[1], item[0]))
    return [(f, outcome, error, number) for (f, outcome, error), number in ranked[:limit]]
