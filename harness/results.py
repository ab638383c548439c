"""Results: from a recorded run to its verdict, and `results.json`.

The verdict joins those of the workloads: false beats unknown beats true. What would be true is unknown all
the same where the run was not adequate (`harness.adequacy`). The exit code adds the harness itself: a
violation outranks a crash, a crash outranks inconclusive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from checkers.history import History
from checkers.verdict import Anomaly, Limits, Valid, Verdict, worst
from harness.adequacy import Evidence, reasons
from harness.clauses import Judged, Row, table
from harness.faults import Fault
from harness.plan import Plan
from workloads.guarantees import Clause
from workloads.protocol.workload import Workload

CHECK_LIMITS = Limits(time_s=120.0, memory_bytes=4 << 30)
"""What the checks of one workload may take."""

VIOLATION, CRASH, INCONCLUSIVE, PASS = 1, 255, 2, 0


PhaseName = Literal["setup", "safety", "heal", "liveness"]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run, in ns of the history's time; what is before the first operation is negative."""

    name: PhaseName
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run that is over, as far as it came. `crash` says what the harness died of, if it did.

    `workloads` are those of the plan, or none if the run did not come so far; `remarks` do not bear on the
    verdict; `trace_sha256` is of a simulated run.
    """

    plan: Plan
    workloads: Mapping[str, Workload]
    families: tuple[str, ...]
    faults: tuple[Fault, ...]
    phases: tuple[Phase, ...]
    interrupted: bool
    liveness: bool
    problems: tuple[str, ...] = ()
    crash: str | None = None
    remarks: tuple[str, ...] = ()
    trace_sha256: str | None = None

    @property
    def safety_s(self) -> float:
        """How long clients ran while things could break."""
        return sum((p.end_ns - p.start_ns) / 1e9 for p in self.phases if p.name == "safety")

    @property
    def duration_s(self) -> float:
        """From the first phase's beginning to the last one's end."""
        return (self.phases[-1].end_ns - self.phases[0].start_ns) / 1e9 if self.phases else 0.0


@dataclass(frozen=True, slots=True)
class Results:
    """What a run found."""

    recorded: Recorded
    judged: tuple[Judged, ...]
    rows: tuple[Row, ...]
    reasons: tuple[str, ...]
    statistics: Mapping[str, Any]

    @property
    def valid(self) -> Valid:
        """The joined verdict."""
        found = worst([each.verdict.valid for each in self.judged]) if self.judged else "unknown"
        return "unknown" if found is True and self.reasons else found

    @property
    def exit_code(self) -> int:
        """What the command exits with."""
        if self.valid is False:
            return VIOLATION
        if self.recorded.crash is not None:
            return CRASH
        return PASS if self.valid is True else INCONCLUSIVE

    @property
    def word(self) -> str:
        """The verdict as files have it."""
        return Verdict(self.valid).word

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.valid is False:
            anomalies = [anomaly for each in self.judged for anomaly in each.verdict.anomalies]
            more = f" ({len(anomalies) - 1} more anomalies)" if len(anomalies) > 1 else ""
            return f"{anomalies[0].sentence}{more}" if anomalies else "A checker found a violation."
        if self.reasons:
            more = f" ({len(self.reasons) - 1} more reasons)" if len(self.reasons) > 1 else ""
            return f"{self.reasons[0]}{more}"
        return self._holds()

    def _holds(self) -> str:
        held = sum(row.verdict == "held" for row in self.rows)
        shown = sum(row.verdict == "weakness demonstrated" for row in self.rows)
        faults = sum(fault.effective for fault in self.recorded.faults)
        said = f"{_count(held, 'promise')} held" if held else "No violation was found"
        said += f" in {_count(self.statistics['operations'], 'operation')}"
        said += f" under {_count(faults, 'fault')}" if self.recorded.families else " without any fault"
        return f"{said}; {_count(shown, 'documented weakness', 'es')} shown." if shown else f"{said}."


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def judge(recorded: Recorded, history: History, catalogue: Mapping[str, Clause]) -> Results:
    """Check the history of every workload, and the run itself. Uses the processor only."""
    why = () if recorded.crash is None else (f"Pestle itself failed: {recorded.crash}",)
    if why and not history:
        return Results(recorded, (), (), why, _statistics(history))
    several = len(recorded.workloads) > 1
    own = {name: history.of_workload(name) if several else history for name in recorded.workloads}
    judged = tuple(
        Judged(name, workload.clauses, own[name], _checked(workload, own[name]))
        for name, workload in recorded.workloads.items()
    )
    counts = {each.name: _ok_by_f(each.history) for each in judged}
    evidence = Evidence(
        plan=recorded.plan,
        families=recorded.families,
        safety_s=recorded.safety_s,
        interrupted=recorded.interrupted,
        liveness=recorded.liveness,
        faults=recorded.faults,
        ok=counts,
        minimum={name: workload.minimum for name, workload in recorded.workloads.items()},
        problems=recorded.problems,
    )
    inadequate = (*why, *reasons(evidence))
    undecided = tuple(f"{each.name}: {r}" for each in judged for r in each.verdict.reasons)
    rows = table(judged, catalogue, adequate=not inadequate)
    return Results(recorded, judged, rows, (*inadequate, *undecided), _statistics(history))


def _checked(workload: Workload, history: History) -> Verdict:
    try:
        return workload.checker.check(history, CHECK_LIMITS)
    except Exception as error:  # noqa: BLE001 - the other workloads' verdicts must not be lost
        return Verdict("unknown", reasons=(f"the checker failed: {type(error).__name__}: {error}",))


def _ok_by_f(history: History) -> Counter[str]:
    return Counter(op.f for op in history.clients if op.type == "ok")


def _statistics(history: History) -> dict[str, Any]:
    """Operations by how they ended, in all and by `f`."""
    by_f: dict[str, Counter[str]] = {}
    for pair in history.pairs:
        by_f.setdefault(pair.f, Counter())[pair.type] += 1
    total = sum(by_f.values(), Counter[str]())
    return {
        "operations": total.total(),
        **{kind: total[kind] for kind in ("ok", "fail", "info")},
        "by_f": {f: {kind: counts[kind] for kind in ("ok", "fail", "info")} for f, counts in by_f.items()},
    }


def as_json(results: Results) -> dict[str, Any]:
    """The content of `results.json`."""
    recorded = results.recorded
    return {
        "schema": 1,
        "verdict": results.word,
        "exit_code": results.exit_code,
        "sentence": results.sentence,
        "reasons": list(results.reasons),
        "duration_s": round(recorded.duration_s, 3),
        "interrupted": recorded.interrupted,
        "remarks": list(recorded.remarks),
        "clauses": [asdict(row) for row in results.rows],
        "workloads": {
            each.name: {
                "verdict": each.verdict.word,
                "statistics": dict(each.verdict.statistics),
                "reasons": list(each.verdict.reasons),
            }
            for each in results.judged
        },
        "anomalies": _found(results.judged, lambda verdict: verdict.anomalies),
        "weaknesses": _found(results.judged, lambda verdict: verdict.weaknesses),
        "faults": _fault_totals(recorded.families, recorded.faults),
        "phases": [asdict(phase) for phase in recorded.phases],
        "statistics": dict(results.statistics),
        **({} if recorded.trace_sha256 is None else {"trace_sha256": recorded.trace_sha256}),
    }


def _found(judged: Iterable[Judged], of: Callable[[Verdict], Iterable[Anomaly]]) -> list[dict[str, Any]]:
    return [
        {
            "name": anomaly.name,
            "clause": anomaly.clause,
            "workload": each.name,
            "sentence": anomaly.sentence,
            "operations": anomaly.operations,
            "details": dict(anomaly.details),
        }
        for each in judged
        for anomaly in of(each.verdict)
    ]


def _fault_totals(families: Iterable[str], faults: Sequence[Fault]) -> dict[str, Any]:
    """By family: how many, how many with effect, and what the probes counted in all."""
    totals = {}
    for family in dict.fromkeys((*families, *(fault.family for fault in faults))):
        own = [fault for fault in faults if fault.family == family]
        effects = [fault.effect for fault in own if fault.effect is not None]
        totals[family] = {
            "injected": len(own),
            "effective": sum(fault.effective for fault in own),
            "measure": effects[0].measure if effects else None,
            "count": sum(effect.count for effect in effects),
        }
    return totals
