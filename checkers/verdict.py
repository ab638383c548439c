"""Verdict and Anomaly: what a checker says.

There are three answers, not two. *Unknown* is said when a limit was reached or the evidence does not suffice;
it is never a pass. Joined verdicts keep the worst: false beats unknown beats true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from checkers.history import History, Op

Valid = bool | Literal["unknown"]
"""true: the promise held in this history. false: it was broken, here is how. "unknown": neither is shown."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One way in which a promise was broken.

    `name` is the literature's term, `operations` the smallest set that shows it, `sentence` says it plainly,
    `clause` is the promise of the documentation it breaks (filled in by the workload, which knows it), and
    `details` holds what the checker found besides, as plain JSON values.
    """

    name: str
    sentence: str
    operations: tuple[Op, ...] = ()
    clause: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one checker, or several joined, found in one history.

    `reasons` says, one sentence each, why the answer is "unknown"; it is empty otherwise. `weaknesses` are
    anomalies that the documentation itself admits: measured, shown, and never counted as violations.
    """

    valid: Valid
    anomalies: tuple[Anomaly, ...] = ()
    statistics: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    weaknesses: tuple[Anomaly, ...] = ()

    @property
    def word(self) -> Literal["valid", "invalid", "unknown"]:
        """The answer as it is written in files and on the screen."""
        if self.valid == "unknown":
            return "unknown"
        return "valid" if self.valid else "invalid"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a check may take and how much memory it may add; None is without limit."""

    time_s: float | None = None
    memory_bytes: int | None = None


class Checker(Protocol):
    """Judges a history. Pure: the same history gives the same verdict, unless a limit cut it short."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """The verdict on `history`; a limit that is reached makes it "unknown" with the reason."""
        ...


def join(verdicts: Mapping[str, Verdict]) -> Verdict:
    """One verdict out of several by name. False beats unknown beats true; nothing at all is unknown."""
    if not verdicts:
        return Verdict("unknown", reasons=("nothing was checked",))
    return Verdict(
        valid=worst(verdict.valid for verdict in verdicts.values()),
        anomalies=tuple(a for verdict in verdicts.values() for a in verdict.anomalies),
        statistics={name: dict(verdict.statistics) for name, verdict in verdicts.items()},
        reasons=tuple(f"{name}: {r}" for name, verdict in verdicts.items() for r in verdict.reasons),
        weaknesses=tuple(w for verdict in verdicts.values() for w in verdict.weaknesses),
    )


def worst(answers: Iterable[Valid]) -> Valid:
    """The worst of several answers."""
    seen = list(answers)
    if any(answer is False for answer in seen):
        return False
    return "unknown" if "unknown" in seen else True
