"""Lists that are appended to: a read shows the order in which everything in it was written.

Elle (Kingsbury & Alvaro 2020): a list is *traceable*, its value is its whole history. So the
longest read of a key is the order of its versions, and every other read must be a prefix of it; else two
reads are of incompatible orders, which one aborted or lost append at least must explain.

Elements of transactions that failed are no versions (Adya 1999 orders committed versions only); they are
aborted reads, and a committed append on top of one is a dirty update. Appends that committed and that nobody
saw come after all that was seen, in an order that is not known: whoever read the whole list precedes each.

A key whose reads contradict each other, or hold what nobody appended, gives no order; who read whose last
element is used all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from checkers.budget import Budget
from checkers.transactions.dependency import Graph, Kind, add_order
from checkers.transactions.finding import Inference, Once, UnrecoverableError
from checkers.transactions.transaction import Mop, Txn, Value

_TXN_BYTES = 1500  # its micro-operations, edges, and places in tables, for lists of some dozen elements
_END = -1


@dataclass(frozen=True, slots=True)
class _Append:
    """Who appended an element, and whether it was the last one that this transaction appended to the key."""

    number: int
    final: bool


@dataclass(slots=True)
class _List:
    """One key: its appends by element, its reads by transaction, and the longest one."""

    key: Value
    appends: dict[Value, _Append] = field(default_factory=dict)
    reads: list[tuple[int, tuple[Value, ...]]] = field(default_factory=list)
    longest: tuple[Value, ...] = ()
    reader: int = -1
    sound: bool = True
    said: Once = field(default_factory=Once)


def infer(txns: list[Txn], budget: Budget) -> Inference:
    """Anomalies and dependencies. Raises UnrecoverableError, LimitReachedError."""
    budget.charge(_TXN_BYTES * len(txns))
    lists = _lists(txns)
    found = Inference(txns, [txn.type == "ok" for txn in txns], Graph(len(txns)), of_registers=False)
    for number, txn in enumerate(txns):
        _inspect(number, txn, found)
    for some in lists.values():
        budget.check_time()
        _inspect_reads(some, found)
        if some.sound:
            found.orders[some.key] = some.longest
    for some in lists.values():
        budget.check_time()
        _connect(some, found)
    add_order(found.graph, txns, found.committed)
    return found


def _lists(txns: list[Txn]) -> dict[Value, _List]:
    lists: dict[Value, _List] = {}
    for number, txn in enumerate(txns):
        finals = {mop.key: mop.value for mop in txn.writes}
        for mop in txn.mops:
            if mop.f == "append":
                some = lists.setdefault(mop.key, _List(mop.key))
                other = some.appends.get(mop.value)
                if other is not None:
                    raise UnrecoverableError(txns[other.number], txn, mop.key, mop.value)
                some.appends[mop.value] = _Append(number, finals[mop.key] == mop.value)
            elif txn.type == "ok":
                some = lists.setdefault(mop.key, _List(mop.key))
                some.reads.append((number, mop.value))
                if some.reader < 0 or len(mop.value) > len(some.longest):
                    some.longest, some.reader = mop.value, number
    return lists


def _inspect(number: int, txn: Txn, found: Inference) -> None:
    """What a transaction read must agree with what it did before, and hold nothing that it did later."""
    if len(txn.mops) < 2 or txn.type != "ok":
        return
    known: dict[Value, tuple[bool, tuple[Value, ...]]] = {}
    """By key: whether the whole list is known or its end only, and what is known."""
    for place, mop in enumerate(txn.mops):
        whole, so_far = known.get(mop.key, (False, ()))
        if mop.f == "append":
            known[mop.key] = (whole, (*so_far, mop.value))
            continue
        end = mop.value if whole else mop.value[len(mop.value) - len(so_far) :]
        if end != so_far and (whole or so_far):
            found.find("internal", number, key=mop.key, values=(mop.value, so_far, whole))
        for later in txn.mops[place:]:
            if later.f == "append" and later.key == mop.key and later.value in mop.value:
                found.find("future-read", number, key=mop.key, values=(mop.value, later.value))
        known[mop.key] = (True, mop.value)


def _inspect_reads(some: _List, found: Inference) -> None:
    """Every read of a key: is it a prefix of the longest, and of what?"""
    known = 0
    for number, value in some.reads:
        if some.longest[: len(value)] == value:
            begin, known = known, max(known, len(value))
        else:
            some.sound, begin = False, 0
            if some.said.first("incompatible-order"):
                found.find(
                    "incompatible-order", some.reader, number, key=some.key, values=(some.longest, value)
                )
        if begin < len(value):
            _inspect_elements(some, number, value, begin, found)
        _inspect_last(some, number, value, found)


def _inspect_elements(
    some: _List, number: int, value: tuple[Value, ...], begin: int, found: Inference
) -> None:
    """Elements from `begin` on, which no earlier read showed: who appended them, and did that commit?"""
    if len(set(value)) != len(value):
        some.sound = False
        twice = next(element for place, element in enumerate(value) if element in value[:place])
        if some.said.first(("duplicate-elements", twice)):
            found.find("duplicate-elements", number, key=some.key, values=(value, twice))
    for place in range(begin, len(value)):
        element = value[place]
        append = some.appends.get(element)
        if append is None:
            some.sound = False
            if some.said.first(("garbage-read", element)):
                found.find("garbage-read", number, key=some.key, values=(value, element))
            continue
        found.committed[append.number] |= found.txns[append.number].type == "info"
        if found.txns[append.number].type == "fail" and some.said.first(("G1a", element)):
            found.find("G1a", number, append.number, key=some.key, values=(value, element))
            _inspect_update(some, number, value, place, found)


def _inspect_update(some: _List, number: int, value: tuple[Value, ...], place: int, found: Inference) -> None:
    """Whether something that committed was appended to the aborted element at `place`."""
    for element in value[place + 1 :]:
        append = some.appends.get(element)
        if append is not None and found.txns[append.number].type == "ok":
            aborted = some.appends[value[place]].number
            found.find(
                "dirty-update",
                aborted,
                append.number,
                number,
                key=some.key,
                values=(value, value[place], element),
            )
            return


def _inspect_last(some: _List, number: int, value: tuple[Value, ...], found: Inference) -> None:
    """Whether a read ends with an append that its transaction followed with another."""
    append = some.appends.get(value[-1]) if value else None
    if append is None or append.final or append.number == number:
        return
    if some.said.first(("G1b", number, value[-1])):
        found.find("G1b", number, append.number, key=some.key, values=(value, value[-1]))


def _connect(some: _List, found: Inference) -> None:
    """Dependencies through one key."""
    for number, value in some.reads:
        append = some.appends.get(value[-1]) if value else None
        if append is not None and found.committed[append.number]:
            found.graph.add(append.number, number, Kind.WR)
    if not some.sound:
        return
    writers = [some.appends[element].number for element in some.longest]
    versions = [(place, number) for place, number in enumerate(writers) if found.committed[number]]
    if len(versions) < len(writers):
        found.unversioned[some.key] = frozenset(
            element
            for element, number in zip(some.longest, writers, strict=True)
            if not found.committed[number]
        )
    for (_, before), (_, after) in pairwise(versions):
        found.graph.add(before, after, Kind.WW)
    at_end = _connect_reads(some, writers, versions, found)
    _connect_unseen(some, at_end, versions[-1][1] if versions else None, found)
    _inspect_lost(some, found)


def _connect_reads(
    some: _List, writers: list[int], versions: list[tuple[int, int]], found: Inference
) -> list[int]:
    """Who read a version precedes the writer of the next; the answer is who read all there is."""
    following = [_END] * (len(writers) + 1)
    for place, number in versions:
        following[place] = number
    for place in range(len(writers) - 1, -1, -1):
        if following[place] == _END:
            following[place] = following[place + 1]
    at_end = []
    for number, value in some.reads:
        if following[len(value)] == _END:
            at_end.append(number)
        elif not value or writers[len(value) - 1] != number:
            found.graph.add(number, following[len(value)], Kind.RW)
    return at_end


def _connect_unseen(some: _List, at_end: list[int], last: int | None, found: Inference) -> None:
    """Appends that committed and that nobody saw follow the last version and those who read it."""
    seen = set(some.longest)
    unseen = dict.fromkeys(
        append.number
        for element, append in some.appends.items()
        if element not in seen and found.txns[append.number].type == "ok"
    )
    if not unseen:
        return
    after_reads, after_last = found.graph.junction(), found.graph.junction()
    for number in unseen:
        found.graph.add(after_reads, number, Kind.FREE)
        found.graph.add(after_last, number, Kind.FREE)
    for number in at_end:
        if number != last:
            found.graph.add(number, after_reads, Kind.RW)
    if last is not None:
        found.graph.add(last, after_last, Kind.WW)


def _inspect_lost(some: _List, found: Inference) -> None:
    """Transactions that read the same version and both appended to it."""
    takers: dict[int, list[int]] = {}
    for number, length in _updates(some, found):
        takers.setdefault(length, []).append(number)
    for length, numbers in takers.items():
        if len(numbers) > 1:
            found.find("lost-update", *numbers[:2], key=some.key, values=(some.longest[:length],))


def _updates(some: _List, found: Inference) -> Iterator[tuple[int, int]]:
    """Transactions that read the key and then appended to it, and how many elements they had read."""
    previous = -1
    for number, value in some.reads:
        if number == previous:
            continue
        previous = number
        mine: Iterator[Mop] = (mop for mop in found.txns[number].mops if mop.key == some.key)
        if next(mine).f == "r" and any(mop.f == "append" for mop in mine):
            yield number, len(value)
