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
from collections.abc import Iterator, Mapping, Sequence
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

    def missing(self, read: Read, before: int) -> list[Pair]:
        """The acknowledged writes that had completed before a line and whose effects the read certainly does
        not show, oldest first.
        """
        # Done for every read and every write before it, so it looks at the invocations themselves.
        earlier = self.acknowledged[: bisect_left(self.acknowledged, before, key=end)]
        shown = {slot: self._age(slot, halves) for slot, halves in read.slots.items()}
        numbers, removable, found = read.numbers, self.removable, []
        for pair in earlier:
            write = pair.invoke
            if write.f == "insert":
                lacking = write.value not in numbers and write.value not in removable
            elif write.f == "remove":
                lacking = write.value in numbers
            else:
                lacking = shown.get(write.value[0], -1) < write.index
            if lacking:
                found.append(pair)
        return found

    def _age(self, slot: int, halves: Sequence[int | None]) -> float:
        """The line by which the older half of a slot was written: whatever began later is not shown.

        Before all lines if a half is not there; after all if nobody knows when it was written.
        """
        ages = [-1.0 if half is None else _written(self.transactions.get((slot, half))) for half in halves]
        return min(ages)

    def shown(self, read: Read) -> Iterator[Pair]:
        """The writes whose effects were read."""
        yield from (self.inserts[number] for number in read.numbers if number in self.inserts)
        for slot, halves in read.slots.items():
            written = (self.transactions.get((slot, half)) for half in halves if half is not None)
            yield from (write for write in written if write is not None)


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
