"""Numbered writes on a leader, and reads of everything on it or on a follower: the evidence of replication.

Each write has its own number; these are the operations:

    insert     value n: a new document with number n
    remove     value n: the document that insert n made
    transact   value [slot, n]: both documents of the slot get number n, in one transaction
    read       `ok` value {"numbers": [n, ..], "slots": [[slot, left, right], ..]}, null where there is none;
               invoked with value {"server": i}: 0 is the leader, the others are followers

The log's order is not recorded, but part of it is known: a write that had completed before another was
invoked comes before it in the log.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

from checkers.history import History, Op, Pair

_WRITES = frozenset({"insert", "remove", "transact"})


@dataclass(frozen=True)
class Writes:
    """The writes of a history by number."""

    inserts: Mapping[int, Pair]
    removes: Mapping[int, Pair]
    transactions: Mapping[tuple[int, int], Pair]

    @staticmethod
    def of(history: History) -> Writes:
        """All writes, those that failed as well."""
        pairs = [pair for pair in history.pairs if pair.f in _WRITES]
        return Writes(
            {p.invoke.value: p for p in pairs if p.f == "insert"},
            {p.invoke.value: p for p in pairs if p.f == "remove"},
            {(p.invoke.value[0], p.invoke.value[1]): p for p in pairs if p.f == "transact"},
        )

    @cached_property
    def acknowledged(self) -> Sequence[Pair]:
        """Those that were `ok`, in the order in which they completed."""
        everything = (*self.inserts.values(), *self.removes.values(), *self.transactions.values())
        return sorted((pair for pair in everything if pair.type == "ok"), key=end)

    @cached_property
    def removable(self) -> frozenset[int]:
        """The documents that somebody may have removed at some time."""
        return frozenset(number for number, remove in self.removes.items() if remove.type != "fail")

    # Every read is compared with all writes before it, so documents are compared as sets of numbers.

    @cached_property
    def _possible(self) -> _Numbers:
        """Documents that may be there, each from its insert's invocation on."""
        inserts = self.inserts.items()
        return _Numbers.of((pair.invoke.index, number) for number, pair in inserts if pair.type != "fail")

    @cached_property
    def _lasting(self) -> _Numbers:
        """Documents that must be there, each from the line on which its insert was acknowledged."""
        added = (pair for pair in self.acknowledged if pair.f == "insert")
        numbered = ((end(pair), pair.invoke.value) for pair in added)
        return _Numbers.of((line, number) for line, number in numbered if number not in self.removable)

    @cached_property
    def _removed(self) -> _Numbers:
        """Documents that must be gone, each from the line on which its removal was acknowledged."""
        return _Numbers.of((end(pair), pair.invoke.value) for pair in self.acknowledged if pair.f == "remove")

    @cached_property
    def _transacted(self) -> Sequence[Pair]:
        """The acknowledged transactions, in the order in which they completed."""
        return [pair for pair in self.acknowledged if pair.f == "transact"]

    def missing(self, read: Read, before: int) -> list[Pair]:
        """The acknowledged writes that had completed before a line and whose effects the read certainly does
        not show, oldest first.
        """
        found = [self.inserts[number] for number in self._lasting.before(before) - read.numbers]
        found += [self.removes[number] for number in self._removed.before(before) & read.numbers]
        shown = {slot: self._age(slot, halves) for slot, halves in read.slots.items()}
        for pair in self._transacted[: bisect_left(self._transacted, before, key=end)]:
            if shown.get(pair.invoke.value[0], -1) < pair.invoke.index:
                found.append(pair)
        return sorted(found, key=end)

    def strange(self, read: Read) -> list[int]:
        """The documents in a read that nobody can have seen by then: never written, or only later, or their
        write had failed.
        """
        return sorted(read.numbers - self._possible.before(end(read.pair) + 1))

    def _age(self, slot: int, halves: Sequence[int | None]) -> float:
        """The line by which the older half of a slot was written: whatever began later is not shown.

        Before all lines if a half is not there; after all if nobody knows when it was written.
        """
        ages = [-1.0 if half is None else _written(self.transactions.get((slot, half))) for half in halves]
        return min(ages)

    def latest(self, read: Read) -> Pair | None:
        """Of the writes whose effects were read the one that began last."""
        known = read.numbers & self.inserts.keys()
        newest = max(known, key=self._begun.__getitem__, default=None)
        shown = [] if newest is None else [self.inserts[newest]]
        for slot, halves in read.slots.items():
            written = (self.transactions.get((slot, half)) for half in halves if half is not None)
            shown += [write for write in written if write is not None]
        return max(shown, key=lambda pair: pair.invoke.index, default=None)

    @cached_property
    def _begun(self) -> Mapping[int, int]:
        """The line on which each document's insert began."""
        return {number: pair.invoke.index for number, pair in self.inserts.items()}


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Numbers, each with a line, in the order of their lines."""

    lines: Sequence[int]
    numbers: Sequence[int]

    @staticmethod
    def of(numbered: Iterable[tuple[int, int]]) -> _Numbers:
        ordered = sorted(numbered)
        return _Numbers([line for line, _ in ordered], [number for _, number in ordered])

    def before(self, line: int) -> frozenset[int]:
        return frozenset(self.numbers[: bisect_left(self.lines, line)])


@dataclass(frozen=True, slots=True)
class Read:
    """One successful read of everything on one server."""

    pair: Pair
    server: int
    numbers: frozenset[int]
    slots: Mapping[int, tuple[int | None, int | None]]
    repeated: tuple[int, ...]

    @property
    def of_leader(self) -> bool:
        """Whether it shows what is, not a copy."""
        return self.server == 0

    @staticmethod
    def of(pair: Pair) -> Read:
        """What the pair's completion says."""
        numbers: list[int] = pair.value["numbers"]
        distinct = frozenset(numbers)
        return Read(
            pair=pair,
            server=pair.invoke.value["server"],
            numbers=distinct,
            slots={slot: (left, right) for slot, left, right in pair.value["slots"]},
            repeated=tuple(n for n in distinct if numbers.count(n) > 1)
            if len(distinct) < len(numbers)
            else (),
        )


def _written(write: Pair | None) -> float:
    return end(write) if write is not None and write.type == "ok" else inf


def end(pair: Pair) -> int:
    """The line on which it completed."""
    assert pair.completion is not None
    return pair.completion.index


def merged(*ops: Op) -> tuple[Op, ...]:
    """Operations as evidence: each once, in order."""
    return tuple(sorted({op.index: op for op in ops}.values(), key=lambda op: op.index))


def words(write: Pair) -> str:
    """A write, as a sentence names it."""
    if write.f == "transact":
        return f"transaction {write.invoke.value[1]} on slot {write.invoke.value[0]}"
    return f"{write.f} of document {write.invoke.value}"


def where(read: Read) -> str:
    """A read, as a sentence names it."""
    return f"a read on {read.pair.node or ('the leader' if read.of_leader else 'a follower')}"
