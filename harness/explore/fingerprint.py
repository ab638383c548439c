"""Fingerprint: which violations are one and the same.

What stays equal when a defect shows again elsewhere: the promise that is broken, the anomaly's name, what
kinds of operation the evidence is made of, and the fault families that had struck by then. What does not:
keys, values, moments, processes, nodes, and how often.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from checkers.history import NEMESIS
from checkers.verdict import Anomaly
from harness.faults import Fault
from harness.results import Results


@dataclass(frozen=True, slots=True, order=True)
class Fingerprint:
    """`clause` is "" where no document makes the promise; `shape` is sorted: "cas ok", "read ok"."""

    clause: str
    anomaly: str
    workload: str
    shape: tuple[str, ...]
    families: tuple[str, ...]

    @property
    def what(self) -> tuple[str, str]:
        """What shrinking must preserve: the promise and how it is broken."""
        return self.clause, self.anomaly

    @property
    def digest(self) -> str:
        """Eight characters that name it."""
        parts = (self.clause, self.anomaly, self.workload, *self.shape, "/", *self.families)
        return sha256("\n".join(parts).encode()).hexdigest()[:8]

    def __str__(self) -> str:
        """One line for people."""
        families = " after " + "+".join(self.families) if self.families else ""
        return f"{self.clause or 'no clause'}: {self.anomaly} in {self.workload}{families}"


def fingerprints(results: Results) -> tuple[Fingerprint, ...]:
    """Those of all violations of a run, each once, in order."""
    faults = results.recorded.faults
    found = {
        _fingerprint(each.name, anomaly, faults)
        for each in results.judged
        for anomaly in each.verdict.anomalies
    }
    return tuple(sorted(found))


def _fingerprint(workload: str, anomaly: Anomaly, faults: Iterable[Fault]) -> Fingerprint:
    evidence = [op for op in anomaly.operations if op.process != NEMESIS]
    last_ns = max((op.time for op in evidence), default=None)
    struck = {
        fault.family for fault in faults if fault.effective and (last_ns is None or fault.start_ns <= last_ns)
    }
    return Fingerprint(
        clause=anomaly.clause or "",
        anomaly=anomaly.name,
        workload=workload,
        shape=tuple(sorted({f"{op.f} {op.type}" for op in evidence})),
        families=tuple(sorted(struck)),
    )
