"""Adequacy: whether a run was good enough for a green verdict to mean anything.

A test that exercised nothing finds nothing. Each rule below names, in plain sentences, why a run shows
nothing; one sentence is enough to make a run that found no violation inconclusive. Violations are not
affected: what was seen was seen.

The rule on faults is strict: *one* fault without a measured effect is enough. The run claims what the
schedule says was broken, and a fault that was not there makes part of that claim false.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.faults import Fault
from harness.plan import Plan

USEFUL_S = 10.0
"""A safety phase below this is too short for any fault to begin, bite and end under load."""
LEAST_OK = 100
"""Fewer successful operations than this in all do not make a test."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a run when it is over, besides its history.

    `families` are the kinds of fault that the schedule had; `safety_s` is how long clients ran while things
    could break; `liveness` says whether the final phase came
    to its end; `ok` and `minimum` count successful operations by workload and `f`; `problems` are sentences
    about what went wrong on the way, in healing for instance.
    """

    plan: Plan
    families: Sequence[str]
    safety_s: float
    interrupted: bool
    liveness: bool
    faults: Sequence[Fault]
    ok: Mapping[str, Mapping[str, int]]
    minimum: Mapping[str, Mapping[str, int]]
    problems: Sequence[str] = ()


def reasons(evidence: Evidence) -> tuple[str, ...]:
    """Why a green verdict would mean nothing, a sentence each; empty if it would mean something."""
    rules = (_length, _faults_claimed, _faults_injected, _faults_effective, _operations, _final_phase)
    return (*evidence.problems, *(sentence for rule in rules for sentence in rule(evidence)))


def _length(evidence: Evidence) -> Iterator[str]:
    if evidence.safety_s < USEFUL_S:
        lasted = "was interrupted after" if evidence.interrupted else "lasted only"
        yield (
            f"The time in which things could break {lasted} {evidence.safety_s:.1f} s; "
            f"below {USEFUL_S:g} s nothing is shown. Give a longer --time-limit."
        )


def _faults_claimed(evidence: Evidence) -> Iterator[str]:
    if not evidence.families and evidence.plan.claim == "fault-tolerance":
        yield (
            "No fault was injected, so nothing is shown about fault tolerance. Choose a --nemesis, or say "
            "--claim fault-free if this is the control arm."
        )


def _faults_injected(evidence: Evidence) -> Iterator[str]:
    for family in evidence.families:
        if not any(fault.family == family for fault in evidence.faults):
            yield f"No {family} fault was injected in {evidence.safety_s:.0f} s. Give a longer --time-limit."


def _faults_effective(evidence: Evidence) -> Iterator[str]:
    for fault in evidence.faults:
        if not fault.effective:
            yield f"The {fault.family} fault {_when(fault)} {_without_effect(fault)}"


def _when(fault: Fault) -> str:
    where = f" on {', '.join(fault.nodes)}" if fault.nodes else ""
    end = "the end" if fault.end_ns is None else f"{fault.end_ns / 1e9:.1f} s"
    return f"from {fault.start_ns / 1e9:.1f} s to {end}{where}"


def _without_effect(fault: Fault) -> str:
    if fault.error is not None:
        return f"failed: {fault.error}."
    measure = "" if fault.effect is None else f": {fault.effect.count} {fault.effect.measure}"
    return f"had no measured effect when it ended{measure}."


def _operations(evidence: Evidence) -> Iterator[str]:
    total = sum(sum(counts.values()) for counts in evidence.ok.values())
    if total < LEAST_OK:
        yield f"Only {total} operations succeeded in all; fewer than {LEAST_OK} show nothing."
    for workload, least in evidence.minimum.items():
        for f, count in least.items():
            done = evidence.ok.get(workload, {}).get(f, 0)
            if done < count:
                yield f"Only {done} of the {count} {f} operations that {workload} needs succeeded."


def _final_phase(evidence: Evidence) -> Iterator[str]:
    if not evidence.liveness:
        yield "The final phase after healing did not come to its end, so nothing is shown about recovery."
