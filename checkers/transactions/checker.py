"""ListAppend and RwRegister: does a history of transactions rule out what a database claims?

The claim is a consistency model (`consistency.NAMES`). False: the history has an anomaly that the model
forbids, and it is shown. True: it has none. Unknown: no transaction saw anything of another; a limit was
reached; a search was cut short whose result would matter; or two writes wrote the same, so that nothing can
be inferred.

Anomalies that the model allows are `weaknesses`. `statistics` says what was found in all, which models the
history rules out (`not`, the weakest of them), and what it may still satisfy (`may_be`, the strongest).

Some anomalies rest on something: that a transaction committed of which nobody knows, because its write was
seen; or on an order of versions that was inferred. If that is not so, then there is another anomaly. Such a
finding rules out only what each of these alternatives rules out.

`details` of an anomaly: `transactions` by the names in the sentence; `proof`, why the model forbids it, with
sources; of a cycle also `edges`, `shortest`, and of the shortest of all cycles `drawing`, an SVG.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Op
from checkers.transactions import compiled, list_append, rw_register
from checkers.transactions.consistency import ALIASES, NAMES, ruled_out, ruled_out_by, strongest, weakest
from checkers.transactions.cycles import Cycle, cycles
from checkers.transactions.dependency import PLAIN, Kind
from checkers.transactions.drawing import draw
from checkers.transactions.finding import Evidence, Finding, Inference, UnrecoverableError
from checkers.transactions.sentences import of_cycle, of_finding, table
from checkers.transactions.transaction import ShapeError, transactions
from checkers.verdict import Anomaly, Limits, Valid, Verdict

_MOST_ANOMALIES = 10
"""So many of each name are told, the shortest cycles; all are counted."""
_UNKNOWN = (LimitReachedError, ShapeError, UnrecoverableError)


@dataclass(frozen=True, slots=True)
class _Checker:
    """What both checkers have in common."""

    model: str = "strict-serializable"

    write: ClassVar[Literal["append", "w"]]

    def __post_init__(self) -> None:
        if ALIASES.get(self.model, self.model) not in NAMES:
            raise KeyError(f"there is no consistency model {self.model}; there are {', '.join(NAMES)}")

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge the transactions of the history."""
        budget = Budget(limits)
        try:
            evidence = compiled.infer(compiled.lines_of(history), self.write, budget)
            return self.judge(self.infer(history, budget) if evidence is None else evidence, budget)
        except _UNKNOWN as error:
            return Verdict("unknown", reasons=(str(error),))

    def check_lines(self, lines: bytes, limits: Limits) -> Verdict | None:
        """Judge the content of a file of JSON lines; None if it must be read as a history first."""
        budget = Budget(limits)
        try:
            evidence = compiled.infer(lines, self.write, budget)
        except _UNKNOWN as error:
            return Verdict("unknown", reasons=(str(error),))
        return None if evidence is None else self.judge(evidence, budget)

    def infer(self, history: History, budget: Budget) -> Inference:
        """The evidence as the readable Python finds it. Raises what makes the answer unknown."""
        return _INFER[self.write](transactions(history, self.write), budget)

    def judge(self, evidence: Evidence, budget: Budget) -> Verdict:
        """Hold what was found against the claim."""
        if not evidence.types.get("ok"):
            return Verdict("unknown", reasons=("no transaction ended with ok, so there is nothing to judge",))
        found: list[Cycle] = []
        reasons: list[str] = []
        undecided: list[str] = []
        try:
            for result in cycles(evidence.parts(), len(evidence.txns), budget):
                if isinstance(result, Cycle):
                    found.append(result)
                else:
                    undecided.append(result.name)
        except LimitReachedError as error:
            reasons.append(f"{error} before all cycles were looked for")
        return _Judge(ALIASES.get(self.model, self.model), evidence, found, undecided, reasons).verdict()


class ListAppend(_Checker):
    """The checker of lists that are appended to: `model` names what is claimed."""

    __slots__ = ()
    write = "append"


class RwRegister(_Checker):
    """The checker of registers that are written and read: `model` names what is claimed."""

    __slots__ = ()
    write = "w"


_INFER = {"append": list_append.infer, "w": rw_register.infer}


def alternatives(found: Finding | Cycle, evidence: Evidence) -> frozenset[str]:
    """Of these anomalies the history has one at least."""
    names = {found.name}
    if isinstance(found, Finding):
        if found.name == "lost-update" and evidence.of_registers:
            names.add("G1c")
        return frozenset(names)
    if any(evidence.txns[step.source].type != "ok" for step in found.steps):
        names.add("G1a")
    for step in found.steps:
        if evidence.of_registers and step.kind in (Kind.WW, Kind.RW):
            level = ("", "-process", "-realtime")[step.level]
            names.add("G1c" if step.level == PLAIN else f"G-single-item{level}")
    return frozenset(names)


class _Judge:
    """What was found, held against one model."""

    def __init__(
        self, model: str, evidence: Evidence, found: list[Cycle], undecided: list[str], reasons: list[str]
    ) -> None:
        self._model = model
        self._evidence = evidence
        self._cycles = sorted(found, key=lambda cycle: (len(cycle.steps), cycle.steps[0].source))
        self._found: list[Finding | Cycle] = [*evidence.findings, *self._cycles]
        self._undecided = undecided
        self._reasons = reasons
        self._against: dict[frozenset[str], bool] = {}

    def verdict(self) -> Verdict:
        broken = [finding for finding in self._found if self._forbidden(finding)]
        allowed = [finding for finding in self._found if not self._forbidden(finding)]
        reasons = () if broken else tuple(self._doubts())
        valid: Valid = False if broken else "unknown" if reasons else True
        return Verdict(
            valid,
            anomalies=tuple(self._anomaly(finding) for finding in _few(broken)),
            statistics=self._statistics(),
            reasons=reasons,
            weaknesses=tuple(self._anomaly(finding) for finding in _few(allowed)),
        )

    def _forbidden(self, found: Finding | Cycle) -> bool:
        names = alternatives(found, self._evidence)
        if names not in self._against:
            self._against[names] = self._model in ruled_out([names])
        return self._against[names]

    def _doubts(self) -> Iterable[str]:
        """Why the model is not shown to hold."""
        yield from self._reasons
        open_ = [name for name in dict.fromkeys(self._undecided) if self._model in ruled_out_by(name)]
        if open_:
            yield f"the search for {', '.join(open_)} was cut short: this history's cycles are too entangled"
        if not self._evidence.dependencies:
            yield "no transaction saw or overwrote anything of another, so there is nothing to judge"

    def _statistics(self) -> dict[str, Any]:
        out = ruled_out({alternatives(finding, self._evidence) for finding in self._found})
        types = self._evidence.types
        counts = Counter(self._evidence.counts) + Counter(cycle.name for cycle in self._cycles)
        return {
            "model": self._model,
            "transactions": len(self._evidence.txns),
            **{name: types.get(name, 0) for name in ("ok", "info", "fail")},
            "dependencies": self._evidence.dependencies,
            "found": dict(sorted(counts.items())),
            "not": list(weakest(out)),
            "may_be": list(strongest(set(NAMES) - out)),
        }

    def _anomaly(self, found: Finding | Cycle) -> Anomaly:
        numbers = [step.source for step in found.steps] if isinstance(found, Cycle) else found.txns
        names = {f"T{place}": number for place, number in enumerate(dict.fromkeys(numbers), 1)}
        ops: dict[int, Op] = {op.index: op for number in numbers for op in self._evidence.txns[number].ops}
        where = ", ".join(
            f"{name}: index {self._evidence.txns[number].begin}" for name, number in names.items()
        )
        words = of_cycle(found, self._evidence) if isinstance(found, Cycle) else of_finding(found)
        return Anomaly(
            found.name,
            f"{words} ({where})",
            operations=tuple(ops[index] for index in sorted(ops)),
            details={
                "transactions": table(names, self._evidence),
                "proof": self._proof(found),
                **(self._of_cycle(found) if isinstance(found, Cycle) else {"key": found.key}),
            },
        )

    def _proof(self, found: Finding | Cycle) -> dict[str, list[str]]:
        """For each alternative, step by step, why it and the model exclude each other."""
        return {
            name: [str(link) for link in ruled_out_by(name).get(self._model, ())]
            for name in sorted(alternatives(found, self._evidence))
        }

    def _of_cycle(self, cycle: Cycle) -> Mapping[str, Any]:
        shown = {"edges": [step.kind.name.lower() for step in cycle.steps], "shortest": cycle.shortest}
        return {**shown, "drawing": draw(cycle, self._evidence)} if cycle is self._cycles[0] else shown


def _few(found: Iterable[Finding | Cycle]) -> Iterable[Finding | Cycle]:
    """The first of each name."""
    counts: Counter[str] = Counter()
    for finding in found:
        counts[finding.name] += 1
        if counts[finding.name] <= _MOST_ANOMALIES:
            yield finding
