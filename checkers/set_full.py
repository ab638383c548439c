"""Set: what became of every element that was added.

After the idea of Jepsen's set-full (which never reports duplicates; this does). Operations: `add` with value
v, and `read` whose `ok` value lists all elements, duplicates kept. With `key`, each key is a set of its own.
An element is *known* from the moment its add was acknowledged or a read that showed it had completed. A read
that began after that must show it. The fate of an element is one of

    stable      every read that began after it was known showed it
    stale       some such read lacked it, but it was shown again later (or by a read at the same time)
    lost        it was known, and a read that began after its last appearance lacked it
    never-read  it was acknowledged, and no read began after that
    unseen      its add ended with info, and no read showed it: nothing is promised
    failed      its add failed, and no read showed it

and besides it may be

    duplicated  one read showed it more often than it was added
    phantom     a read showed it although it had never been added, its add had failed, or began only later
    recovered   its add ended with info, and a read showed it

Lost, duplicated and phantom are violations. Stale is one if the set is to be linearizable, otherwise a
statistic with its latencies: how long after it was known a read could still lack it. If an acknowledged
element was never read, or nothing was acknowledged, and nothing is wrong besides, the answer is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Op, Pair
from checkers.models import Label, freeze, text
from checkers.statistics import quantiles_ms
from checkers.verdict import Anomaly, Limits, Valid, Verdict

_ELEMENT_BYTES = 700  # the record of an element with its lists, and its places in sets
_SHOWN_BYTES = 64  # an element's place in the set of one read
_MOST_ANOMALIES = 10
"""So many elements of each kind are told; all are counted."""
_MOST_ELEMENTS = 40
"""A read that is evidence and shows more than this is cut down to what it says about the element."""


@dataclass(frozen=True, slots=True)
class SetFull:
    """The checker. `linearizable` makes a violation of every stale read."""

    linearizable: bool = False

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge every set of the history."""
        try:
            fates = _fates(history, Budget(limits))
        except (LimitReachedError, _ShapeError) as error:
            return Verdict("unknown", reasons=(str(error),))
        found: dict[str, list[_Element]] = {kind: [] for kind in _KINDS}
        for fate in fates:
            for kind in fate.kinds:
                found[kind].append(fate)
        wrong = ("lost", "duplicated", "phantom", *(("stale",) if self.linearizable else ()))
        anomalies = tuple(fate.anomaly(kind) for kind in wrong for fate in found[kind][:_MOST_ANOMALIES])
        reasons = () if anomalies else tuple(_doubts(found, fates))
        valid: Valid = False if anomalies else "unknown" if reasons else True
        return Verdict(valid, anomalies, _statistics(history, found, fates), reasons)


_KINDS = ("stable", "stale", "lost", "never-read", "unseen", "failed", "duplicated", "phantom", "recovered")
_NAMES = {"lost": "lost-write", "duplicated": "duplicate", "phantom": "phantom", "stale": "stale-read"}


class _ShapeError(ValueError):
    """An operation does not belong to a set."""


@dataclass(frozen=True, slots=True)
class _Read:
    pair: Pair
    begin: int
    end: int
    shown: Counter[Any]


@dataclass(slots=True)
class _Element:
    """What is known of one element."""

    key: Label
    value: Any
    adds: list[Pair] = field(default_factory=list)
    first: _Read | None = None
    """The read that ended first of those that showed it."""
    last: _Read | None = None
    """The read that ended last of those that showed it."""
    most: _Read | None = None
    """The read that showed it most often."""
    absent: _Read | None = None
    """The read that began last of those that lacked it although it was known."""
    covered: bool = False
    """Some read began after it was known."""

    @property
    def acknowledged(self) -> Pair | None:
        """The add that was acknowledged first."""
        return min((add for add in self.adds if add.type == "ok"), key=_end, default=None)

    @property
    def known(self) -> Op | None:
        """The line from which on it is known."""
        moments = [pair.completion for pair in (self.acknowledged, self.first and self.first.pair) if pair]
        return min((op for op in moments if op is not None), key=lambda op: op.index, default=None)

    @property
    def possible(self) -> int:
        """How often it may be there."""
        return sum(add.type != "fail" for add in self.adds)

    @property
    def fate(self) -> str:
        if self.known is None:
            return "unseen" if self.possible else "failed"
        if self.absent is not None:
            gone = self.last is None or self.absent.begin > self.last.end
            return "lost" if gone else "stale"
        if self.acknowledged is not None and not self.covered:
            return "never-read"
        return "stable"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Its fate, and what it may be besides."""
        if self.first is None:
            return (self.fate,)
        if not self.possible or self.first.end < min(
            add.invoke.index for add in self.adds if add.type != "fail"
        ):
            return ("phantom",)
        more = ["duplicated"] if self.most and self.most.shown[self.value] > self.possible else []
        return (self.fate, *more, *(() if self.acknowledged else ("recovered",)))

    def anomaly(self, kind: str) -> Anomaly:
        add = self.acknowledged or (self.adds[0] if self.adds else None)
        reads = {
            "lost": (self.last, self.absent),
            "stale": (self.absent, self.last),
            "duplicated": (self.most,),
            "phantom": (self.first,),
        }[kind]
        ops = [op for pair in ([add] if add else []) for op in pair.ops]
        ops += [op for read in reads if read for op in _cut(read, self.value)]
        return Anomaly(
            name=_NAMES[kind],
            sentence=self._sentence(kind),
            operations=tuple(sorted({op.index: op for op in ops}.values(), key=lambda op: op.index)),
            details={"element": text(self.value), "key": self.key},
        )

    def _sentence(self, kind: str) -> str:
        name = f"element {text(self.value)}" + ("" if self.key is None else f" of key {self.key}")
        since = "its add was acknowledged" if self.acknowledged else "a read had shown it"
        match kind:
            case "lost" if self.last is None:
                return f"{name} is lost: {since}, and no later read shows it"
            case "lost":
                return f"{name} is lost: {since}, and the reads after its last appearance lack it"
            case "stale":
                return f"{name} was missing in a read that began after {since}"
            case "duplicated":
                assert self.most is not None
                times = {1: "once"}.get(self.possible, f"{self.possible} times")
                return f"{name} was added {times} and a read shows it {self.most.shown[self.value]} times"
        if not self.adds:
            return f"{name} was read although nobody had added it"
        late = "its add had failed" if not self.possible else "its add began only later"
        return f"{name} was read although {late}"


def _fates(history: History, budget: Budget) -> list[_Element]:
    budget.check_time()
    sets: dict[Label, list[Pair]] = {}
    for pair in history.pairs:
        if pair.f not in ("add", "read"):
            raise _ShapeError(
                f'a set has operations "add" and "read", and not "{pair.f}" (index {pair.invoke.index})'
            )
        sets.setdefault(pair.key, []).append(pair)
    return [fate for key, pairs in sets.items() for fate in _fates_of_one(key, pairs, budget)]


def _fates_of_one(key: Label, pairs: Sequence[Pair], budget: Budget) -> Iterable[_Element]:
    elements: dict[Any, _Element] = {}

    def element(value: Any) -> _Element:
        if value not in elements:
            budget.charge(_ELEMENT_BYTES)
            elements[value] = _Element(key, value)
        return elements[value]

    for pair in pairs:
        if pair.f == "add":
            # An element that the database names itself is known from the answer only.
            element(freeze(pair.value if pair.invoke.value is None else pair.invoke.value)).adds.append(pair)
    reads = list(_reads(pairs, budget))
    for read in sorted(reads, key=lambda read: read.end):
        budget.check_time()
        for value, times in read.shown.items():
            _show(element(value), read, times)
    _miss(elements, reads, budget)
    return elements.values()


def _reads(pairs: Sequence[Pair], budget: Budget) -> Iterator[_Read]:
    for pair in pairs:
        if pair.f != "read" or pair.type != "ok" or pair.completion is None:
            continue
        value = pair.completion.value
        if not isinstance(value, list | tuple):
            raise _ShapeError(
                f"the read of index {pair.completion.index} must have a list of elements as its value"
            )
        budget.charge(_SHOWN_BYTES * len(value))
        yield _Read(pair, pair.invoke.index, pair.completion.index, Counter(map(freeze, value)))


def _show(element: _Element, read: _Read, times: int) -> None:
    element.first = element.first or read
    element.last = read
    if element.most is None or times > element.most.shown[element.value]:
        element.most = read


def _miss(elements: Mapping[Any, _Element], reads: Sequence[_Read], budget: Budget) -> None:
    """Find for each element the last read that lacked it although it was known."""
    moments = [(element.known, element) for element in elements.values()]
    waiting = [(op.index, element) for op, element in moments if op is not None]
    waiting.sort(key=lambda moment: moment[0], reverse=True)
    known: set[Any] = set()
    for read in sorted(reads, key=lambda read: read.begin):
        budget.check_time()
        while waiting and waiting[-1][0] < read.begin:
            element = waiting.pop()[1]
            element.covered = True
            known.add(element.value)
        for value in known - read.shown.keys():
            elements[value].absent = read


def _cut(read: _Read, value: Any) -> tuple[Op, ...]:
    """The operations of a read, a long answer cut down to what it says about the element."""
    assert read.pair.completion is not None
    completion = read.pair.completion
    if len(completion.value) > _MOST_ELEMENTS:
        answer = {"elements": len(completion.value), "element": text(value), "times": read.shown[value]}
        completion = msgspec.structs.replace(completion, value=answer)
    return read.pair.invoke, completion


def _doubts(found: Mapping[str, Sequence[_Element]], fates: Sequence[_Element]) -> list[str]:
    """Why a set without anything wrong proves nothing."""
    if not any(fate.acknowledged for fate in fates):
        return ["no add was acknowledged, so there is nothing to judge"]
    if found["never-read"]:
        count = len(found["never-read"])
        return [
            f"there is no final read: no read began after {count} of the acknowledged elements were added"
        ]
    return []


def _statistics(
    history: History, found: Mapping[str, Sequence[_Element]], fates: Sequence[_Element]
) -> dict[str, Any]:
    stale = [
        fate.absent.pair.invoke.time - fate.known.time
        for fate in found["stale"]
        if fate.absent and fate.known
    ]
    return {
        "elements": len(fates),
        "acknowledged": sum(fate.acknowledged is not None for fate in fates),
        **{kind.replace("-", "_"): len(found[kind]) for kind in _KINDS},
        **({"stale_latency_ms": quantiles_ms(stale)} if history.timed else {}),
    }


def _end(pair: Pair) -> int:
    assert pair.completion is not None
    return pair.completion.index
