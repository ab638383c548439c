"""Judgement: several checkers over one workload's history, and what that says about which clauses.

A checker names an anomaly in the literature's terms and knows no documentation; the workload knows which
clause the anomaly breaks. A clause is only *held* if the history put it to the test: its *exposures* count
the moments at which a defect would have shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

from checkers.history import NEMESIS, History, Op
from checkers.verdict import Anomaly, Checker, Limits, Verdict, join


@dataclass(frozen=True, slots=True)
class Exposure:
    """How well one clause was exercised: `operations` that bear on it, and `exposures` among them."""

    operations: int
    exposures: int


Exposures = Callable[[History], Mapping[str, Exposure]]
"""Exposure by clause id."""


def no_exposures(history: History) -> Mapping[str, Exposure]:  # noqa: ARG001 - the signature of Exposures
    """Of a workload that judges no clause of the documentation."""
    return {}


@dataclass(frozen=True, slots=True)
class Only:
    """A checker that sees the operations with these `f`s, and those of the nemesis."""

    functions: frozenset[str]
    checker: Checker

    def check(self, history: History, limits: Limits) -> Verdict:
        """The checker's verdict on its part of the history."""
        return self.checker.check(history.where(self._sees), limits)

    def _sees(self, op: Op) -> bool:
        return op.process == NEMESIS or op.f in self.functions


@dataclass(frozen=True, slots=True)
class Judgement:
    """A checker made of others.

    Its statistics are theirs by name, and `clauses`: {id: {"operations": n, "exposures": n}}. `blame` gives
    the clause that an anomaly breaks, by anomaly name; one that is not in it breaks no clause, but is no less
    a violation. A clause that the checker itself gave is kept.
    """

    checkers: Mapping[str, Checker]
    exposures: Exposures = no_exposures
    blame: Mapping[str, str] = field(default_factory=dict)

    def check(self, history: History, limits: Limits) -> Verdict:
        """The joined verdict, every anomaly with its clause."""
        verdict = join({name: checker.check(history, limits) for name, checker in self.checkers.items()})
        clauses = {clause: asdict(exposure) for clause, exposure in self.exposures(history).items()}
        return replace(
            verdict,
            anomalies=tuple(self._blamed(anomaly) for anomaly in verdict.anomalies),
            weaknesses=tuple(self._blamed(weakness) for weakness in verdict.weaknesses),
            statistics={**verdict.statistics, "clauses": clauses},
        )

    def _blamed(self, anomaly: Anomaly) -> Anomaly:
        clause = anomaly.clause or self.blame.get(anomaly.name)
        return anomaly if clause == anomaly.clause else replace(anomaly, clause=clause)
