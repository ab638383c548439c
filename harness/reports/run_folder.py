"""RunFolder: the files of one run, read with patience.

The harness may have been killed at any byte. A file that is missing, and a last line that is torn, are
remarks for the reader, not errors; so is a line in the middle that does not parse, counted and named.
Unknown fields are ignored, so that an older report reads a newer run.

Not here: the strict reading of a history, which is `checkers.history`'s; a report must show what a checker
refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from checkers.history import NEMESIS, Op


class Test(msgspec.Struct, frozen=True, omit_defaults=True):
    """`test.json`: everything that is needed to repeat the run."""

    __test__ = False  # pytest: not a test class

    name: str = ""
    environment: str = ""
    topology: str = ""
    database: Mapping[str, Any] = {}
    nodes: Sequence[str] = ()
    workloads: Sequence[str] = ()
    nemeses: Sequence[str] = ()
    time_limit_s: float | None = None
    rate: float | None = None
    concurrency: int | None = None
    seed: int | str | None = None
    started: str = ""
    claim: str = ""
    command: str = ""


class Clause(msgspec.Struct, frozen=True):
    """One promise of the documentation and what the run says about it.

    `operations` bear on the promise; at `exposures` of them a defect would have shown.
    """

    id: str
    document: str = ""
    says: str = ""
    expect: str = ""
    verdict: str = "inconclusive"
    workloads: Sequence[str] = ()
    operations: int = 0
    exposures: int = 0
    note: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """An anomaly or a demonstrated weakness with the operations that show it.

    `details["series"]`, if there, is a measured quantity over time to be drawn:
    `[{"label": str, "unit": str, "points": [[time_ns, number], ...]}, ...]`.
    """

    name: str
    sentence: str = ""
    clause: str | None = None
    workload: str | None = None
    operations: Sequence[Op] = ()
    details: Mapping[str, Any] = {}


class FaultTotal(msgspec.Struct, frozen=True):
    """One fault family over the whole run."""

    injected: int = 0
    effective: int = 0
    measure: str | None = ""
    count: int | None = 0


class Phase(msgspec.Struct, frozen=True):
    """A stretch of the run: setup, safety, heal, liveness. What is before the first operation is negative."""

    name: str
    start_ns: int
    end_ns: int | None = None


class Results(msgspec.Struct, frozen=True):
    """`results.json`: the verdict and what it rests on."""

    verdict: str = "unknown"
    exit_code: int | None = None
    sentence: str = ""
    reasons: Sequence[str] = ()
    duration_s: float | None = None
    interrupted: bool = False
    remarks: Sequence[str] = ()
    clauses: Sequence[Clause] = ()
    workloads: Mapping[str, Mapping[str, Any]] = {}
    anomalies: Sequence[Finding] = ()
    weaknesses: Sequence[Finding] = ()
    faults: Mapping[str, FaultTotal] = {}
    phases: Sequence[Phase] = ()
    statistics: Mapping[str, Any] = {}


class Effect(msgspec.Struct, frozen=True):
    """What the probe measured of one fault."""

    measure: str = ""
    count: int = 0
    evidence: Any = None


class Fault(msgspec.Struct, frozen=True):
    """One line of `faults.jsonl`. `end_ns` is None if its healing was not recorded."""

    family: str
    start_ns: int
    end_ns: int | None = None
    value: Any = None
    nodes: Sequence[str] = ()
    effect: Effect | None = None
    effective: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run as its files tell it. `results` is None if the run did not end; `remarks` are for the reader."""

    path: Path
    test: Test
    results: Results | None
    operations: tuple[Op, ...]
    faults: tuple[Fault, ...]
    remarks: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def end_ns(self) -> int:
        """The last moment that any file speaks of."""
        moments = [op.time for op in self.operations[-1:]]
        moments += [op.time for op in self.operations if op.process == NEMESIS]
        moments += [fault.end_ns or fault.start_ns for fault in self.faults]
        moments += [phase.end_ns or phase.start_ns for phase in (self.results.phases if self.results else ())]
        return max(1, *moments)  # a run that ended before its first operation has only moments before zero


WRITTEN_BY_REPORTS = ("report.html", ".report.html.partial", "summary.md")
T = TypeVar("T")


def read_run(folder: Path) -> RunFolder:
    """Read what is there of a run; raises FileNotFoundError if nothing of a run is."""
    names = ("test.json", "results.json", "history.jsonl", "faults.jsonl")
    if not any((folder / name).is_file() for name in names):
        raise FileNotFoundError(f"{folder} is not a run's folder: it has none of {', '.join(names)}")
    remarks: list[str] = []
    test = _document(folder / "test.json", Test, remarks) or Test()
    results = _document(folder / "results.json", Results, remarks)
    operations = tuple(_lines(folder / "history.jsonl", Op, remarks))
    recorded = tuple(_lines(folder / "faults.jsonl", Fault, remarks))
    return RunFolder(
        path=folder,
        test=test,
        results=results,
        operations=operations,
        faults=recorded + _unrecorded(recorded, operations),
        remarks=(*remarks, *_said(results)),
        files=tuple(_files(folder)),
    )


def _said(results: Results | None) -> tuple[str, ...]:
    """What the run itself remarked."""
    if results is None:
        return ()
    return (
        *("The run was interrupted before its time." for _ in range(results.interrupted)),
        *results.remarks,
    )


def _document(path: Path, shape: type[T], remarks: list[str]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        remarks.append(f"{path.name} is missing.")
    except msgspec.DecodeError as error:
        remarks.append(f"{path.name} cannot be read: {error}.")
    return None


def _lines(path: Path, shape: type[T], remarks: list[str]) -> list[T]:
    if not path.is_file():
        remarks.append(f"{path.name} is missing.")
        return []
    decoder = msgspec.json.Decoder(shape)
    found: list[T] = []
    broken: list[int] = []
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            found.append(decoder.decode(line))
        except msgspec.DecodeError:
            broken.append(number)
    if torn:
        remarks.append(f"The last line of {path.name} is torn and left out.")
    if broken:
        remarks.append(
            f"{path.name} has {len(broken)} unreadable lines, left out; the first is line {broken[0]}."
            if len(broken) > 1
            else f"Line {broken[0]} of {path.name} is unreadable and left out."
        )
    return found


def _unrecorded(recorded: Sequence[Fault], operations: Sequence[Op]) -> tuple[Fault, ...]:
    """Faults that the history began but whose line was not written, as when the harness was killed in one."""
    known: dict[str, int] = {}
    for fault in recorded:
        known[fault.family] = known.get(fault.family, 0) + 1
    missing = []
    for fault in _from_history(operations):
        if known.get(fault.family, 0) > 0:
            known[fault.family] -= 1
        else:
            missing.append(fault)
    return tuple(missing)


def _from_history(operations: Sequence[Op]) -> list[Fault]:
    faults: list[Fault] = []
    started: dict[str, Op] = {}
    for op in operations:
        if op.process != NEMESIS or op.type != "info":
            continue
        verb, _, family = op.f.partition("-")
        if verb == "start" and family not in started:
            started[family] = op
        elif verb == "stop" and family in started:
            begun = started.pop(family)
            faults.append(Fault(family, begun.time, op.time, begun.value, error="no line in faults.jsonl"))
    open_ones = [
        Fault(f, op.time, None, op.value, error="never healed on record") for f, op in started.items()
    ]
    return sorted(faults + open_ones, key=lambda fault: fault.start_ns)


def _files(folder: Path) -> list[Path]:
    """Files of the run, relative, in a stable order; what reports write themselves is left out."""
    everything = (path for path in folder.rglob("*") if path.is_file())
    relative = sorted(path.relative_to(folder) for path in everything)
    return [path for path in relative if str(path) not in WRITTEN_BY_REPORTS]
