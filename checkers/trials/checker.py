"""Trials: the checker. Every rule on every trial, as one verdict with what was judged and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from checkers.budget import Budget, LimitReachedError
from checkers.faults import faults
from checkers.history import History
from checkers.trials import conduct, copies, requests
from checkers.trials.evidence import Finding, Trial, trials
from checkers.verdict import Anomaly, Limits, Verdict

_RULES: Sequence[Callable[[Trial], Iterator[Finding]]] = (
    copies.copied,
    copies.equal,
    copies.leaks,
    copies.phantoms,
    conduct.errors,
    conduct.retries,
    conduct.handover,
    conduct.restarts,
    conduct.standing,
    requests.itself,
    requests.secrets,
    requests.settings,
    requests.snapshots,
)
Found = Sequence[tuple[Trial, Sequence[Finding]]]
_MOST = 8
"""So many anomalies of each name are told; all are counted."""


@dataclass(frozen=True, slots=True)
class Trials:
    """The checker. Fewer than `least` trials of which anything could be judged are too few for an answer.

    Statistics: `trials` by kind, those of them that were `judged`, and `moments` by clause.
    """

    least: int = 1

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge every trial."""
        try:
            found = findings(history, Budget(limits))
        except LimitReachedError as reached:
            return Verdict("unknown", reasons=(str(reached),))
        judged = [trial for trial, own in found if own]
        anomalies = [
            replace(finding.anomaly, clause=finding.clause)
            for _, own in found
            for finding in own
            if finding.anomaly is not None
        ]
        enough = len(judged) >= self.least
        return Verdict(
            valid=False if anomalies else True if enough else "unknown",
            anomalies=tuple(_few(anomalies)),
            statistics={
                "trials": dict(Counter(trial.kind for trial, _ in found)),
                "judged": dict(Counter(trial.kind for trial in judged)),
                "moments": dict(sorted(moments(found).items())),
                "anomalies": dict(Counter(anomaly.name for anomaly in anomalies)),
            },
            reasons=()
            if anomalies or enough
            else (f"only {len(judged)} trials could be judged; {self.least} are needed",),
        )


def findings(history: History, budget: Budget) -> Found:
    """What every rule says of every trial. Raises LimitReachedError."""
    times = {op.index: op.time for op in history}
    broken = conduct.spans(faults(history), times)
    found = []
    for trial in trials(history):
        budget.check_time()
        own = [finding for rule in _RULES for finding in rule(trial)]
        found.append((trial, [*own, *conduct.polling(trial, broken)]))
    return found


def moments(found: Found) -> Counter[str]:
    """At how many moments each clause was put to the test."""
    return Counter(finding.clause for _, own in found for finding in own)


def _few(anomalies: Sequence[Anomaly]) -> Iterator[Anomaly]:
    told: Counter[str] = Counter()
    for anomaly in anomalies:
        told[anomaly.name] += 1
        if told[anomaly.name] <= _MOST:
            yield anomaly
