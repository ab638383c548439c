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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Op
from checkers.transactions import list_append, rw_register
from checkers.transactions.consistency import ALIASES, NAMES, ruled_out, ruled_out_by, strongest, weakest
from checkers.transactions.cycles import Cycle, cycles
from checkers.transactions.dependency import PLAIN, Kind
from checkers.transactions.drawing import draw
from checkers.transactions.finding import Finding, Inference, UnrecoverableError
from checkers.transactions.sentences import of_cycle, of_finding, table
from checkers.transactions.transaction import ShapeError, Txn, transactions
from checkers.verdict import Anomaly, Limits, Valid, Verdict

_MOST_ANOMALIES = 10
"""So many of each name are told, the shortest cycles; all are counted."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What tells the two kinds of histories apart."""

    write: Literal["append", "w"]
    infer: Callable[[list[Txn], Budget], Inference]


_LIST_APPEND = _Shape("append", list_append.infer)
_RW_REGISTER = _Shape("w", rw_register.infer)


@dataclass(frozen=True, slots=True)
class ListAppend:
    """The checker of lists that are appended to: `model` names what is claimed."""

    model: str = "strict-serializable"

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge the transactions of the history."""
        return _check(history, limits, self.model, _LIST_APPEND)


@dataclass(frozen=True, slots=True)
class RwRegister:
    """The checker of registers that are written and read: `model` names what is claimed."""

    model: str = "strict-serializable"

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge the transactions of the history."""
        return _check(history, limits, self.model, _RW_REGISTER)


def _check(history: History, limits: Limits, model: str, shape: _Shape) -> Verdict:
    name = ALIASES.get(model, model)
    if name not in NAMES:
        raise KeyError(f"there is no consistency model {model}; there are {', '.join(NAMES)}")
    budget = Budget(limits)
    try:
        inference = shape.infer(transactions(history, shape.write), budget)
    except (LimitReachedError, ShapeError, UnrecoverableError) as error:
        return Verdict("unknown", reasons=(str(error),))
    if not any(txn.type == "ok" for txn in inference.txns):
        return Verdict("unknown", reasons=("no transaction ended with ok, so there is nothing to judge",))
    found: list[Cycle] = []
    reasons: list[str] = []
    undecided: list[str] = []
    try:
        for result in cycles(inference.graph, budget):
            if isinstance(result, Cycle):
                found.append(result)
            else:
                undecided.append(result.name)
    except LimitReachedError as error:
        reasons.append(f"{error} before all cycles were looked for")
    return _Judge(name, inference, found, undecided, reasons).verdict()


def alternatives(found: Finding | Cycle, inference: Inference) -> frozenset[str]:
    """Of these anomalies the history has one at least."""
    names = {found.name}
    if isinstance(found, Finding):
        if found.name == "lost-update" and inference.later:
            names.add("G1c")
        return frozenset(names)
    if any(inference.txns[step.source].type != "ok" for step in found.steps):
        names.add("G1a")
    for step in found.steps:
        if inference.later and step.kind in (Kind.WW, Kind.RW):
            level = ("", "-process", "-realtime")[step.level]
            names.add("G1c" if step.level == PLAIN else f"G-single-item{level}")
    return frozenset(names)


class _Judge:
    """What was found, held against one model."""

    def __init__(
        self, model: str, inference: Inference, found: list[Cycle], undecided: list[str], reasons: list[str]
    ) -> None:
        self._model = model
        self._inference = inference
        self._cycles = sorted(found, key=lambda cycle: (len(cycle.steps), cycle.steps[0].source))
        self._found: list[Finding | Cycle] = [*inference.findings, *self._cycles]
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
        names = alternatives(found, self._inference)
        if names not in self._against:
            self._against[names] = self._model in ruled_out([names])
        return self._against[names]

    def _doubts(self) -> Iterable[str]:
        """Why the model is not shown to hold."""
        yield from self._reasons
        open_ = [name for name in dict.fromkeys(self._undecided) if self._model in ruled_out_by(name)]
        if open_:
            yield f"the search for {', '.join(open_)} was cut short: this history's cycles are too entangled"
        if not self._inference.graph.dependencies:
            yield "no transaction saw or overwrote anything of another, so there is nothing to judge"

    def _statistics(self) -> dict[str, Any]:
        out = ruled_out({alternatives(finding, self._inference) for finding in self._found})
        types = Counter(txn.type for txn in self._inference.txns)
        return {
            "model": self._model,
            "transactions": len(self._inference.txns),
            **{name: types[name] for name in ("ok", "info", "fail")},
            "dependencies": self._inference.graph.dependencies,
            "found": dict(sorted(Counter(finding.name for finding in self._found).items())),
            "not": list(weakest(out)),
            "may_be": list(strongest(set(NAMES) - out)),
        }

    def _anomaly(self, found: Finding | Cycle) -> Anomaly:
        numbers = [step.source for step in found.steps] if isinstance(found, Cycle) else found.txns
        names = {f"T{place}": number for place, number in enumerate(dict.fromkeys(numbers), 1)}
        ops: dict[int, Op] = {op.index: op for number in numbers for op in self._inference.txns[number].ops}
        where = ", ".join(
            f"{name}: index {self._inference.txns[number].begin}" for name, number in names.items()
        )
        words = of_cycle(found, self._inference) if isinstance(found, Cycle) else of_finding(found)
        return Anomaly(
            found.name,
            f"{words} ({where})",
            operations=tuple(ops[index] for index in sorted(ops)),
            details={
                "transactions": table(names, self._inference),
                "proof": self._proof(found),
                **(self._of_cycle(found) if isinstance(found, Cycle) else {"key": found.key}),
            },
        )

    def _proof(self, found: Finding | Cycle) -> dict[str, list[str]]:
        """For each alternative, step by step, why it and the model exclude each other."""
        return {
            name: [str(link) for link in ruled_out_by(name).get(self._model, ())]
            for name in sorted(alternatives(found, self._inference))
        }

    def _of_cycle(self, cycle: Cycle) -> Mapping[str, Any]:
        shown = {"edges": [step.kind.name.lower() for step in cycle.steps], "shortest": cycle.shortest}
        return {**shown, "drawing": draw(cycle, self._inference)} if cycle is self._cycles[0] else shown


def _few(found: Iterable[Finding | Cycle]) -> Iterable[Finding | Cycle]:
    """The first of each name."""
    counts: Counter[str] = Counter()
    for finding in found:
        counts[finding.name] += 1
        if counts[finding.name] <= _MOST_ANOMALIES:
            yield finding
