"""The clause table: what a run says about each promise of the documentation that its workloads judge.

A promise that *holds* is held, violated or inconclusive: a green row needs a decided verdict, an adequate
run, and at least one moment at which a defect would have shown. A documented weakness is demonstrated or not;
a run that does not demonstrate it has not shown that it is absent. Whatever is worse than what the
documentation admits is an anomaly of the clause, and a violation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from checkers.history import History
from checkers.verdict import Verdict
from workloads.guarantees import Clause

Finding = Literal["held", "violated", "weakness demonstrated", "weakness not demonstrated", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One workload of a run: the promises it judges, its own history, and the verdict on it."""

    name: str
    clauses: tuple[str, ...]
    history: History
    verdict: Verdict

    def exercised(self, clause: str) -> Mapping[str, Any]:
        """What the workload counted for a clause: `operations` that bear on it and `exposures` among them."""
        counted: Mapping[str, Any] = self.verdict.statistics.get("clauses", {}).get(clause, {})
        return counted


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, as `results.json` has it.

    `operations` bear on the promise; at `exposures` of them a defect would have shown.
    """

    id: str
    document: str
    says: str
    expect: str
    verdict: Finding
    workloads: tuple[str, ...]
    operations: int
    exposures: int
    note: str | None = None


def table(judged: Iterable[Judged], catalogue: Mapping[str, Clause], *, adequate: bool) -> tuple[Row, ...]:
    """The rows in the catalogue's order. `adequate` says whether a green verdict would mean anything."""
    judged = list(judged)
    unknown = {clause for each in judged for clause in each.clauses} - set(catalogue)
    if unknown:
        raise ValueError(f"no document makes these promises: {', '.join(sorted(unknown))}")
    rows = []
    for clause in catalogue.values():
        judges = [each for each in judged if clause.id in each.clauses]
        if judges:
            rows.append(_row(clause, judges, adequate))
    return tuple(rows)


def _row(clause: Clause, judges: list[Judged], adequate: bool) -> Row:
    counted = [each.exercised(clause.id) for each in judges]
    exposures = sum(count.get("exposures", 0) for count in counted)
    finding, note = _finding(clause, judges, adequate, exposures)
    return Row(
        id=clause.id,
        document=clause.document.file,
        says=clause.says,
        expect=clause.expect,
        verdict=finding,
        workloads=tuple(each.name for each in judges),
        operations=sum(count.get("operations", 0) for count in counted),
        exposures=exposures,
        note=note,
    )


def _finding(
    clause: Clause, judges: list[Judged], adequate: bool, exposures: int
) -> tuple[Finding, str | None]:
    """The verdict on one promise, and the sentence beside it."""
    broken = [a.sentence for each in judges for a in each.verdict.anomalies if a.clause == clause.id]
    shown = [w.sentence for each in judges for w in each.verdict.weaknesses if w.clause == clause.id]
    undecided = [r for each in judges if each.verdict.valid == "unknown" for r in each.verdict.reasons]
    if broken:
        return "violated", _first(broken)
    if shown:
        return "weakness demonstrated", _first(shown)
    if clause.expect == "weak":
        return "weakness not demonstrated", "this run did not bring it about"
    if undecided:
        return "inconclusive", undecided[0]
    if exposures == 0:
        return "inconclusive", "nothing happened that could have shown a defect"
    return ("held", None) if adequate else ("inconclusive", "the run shows too little")


def _first(sentences: list[str]) -> str:
    return sentences[0] if len(sentences) == 1 else f"{sentences[0]} (and {len(sentences) - 1} more)"
