"""Registers that are written and read: a read says who wrote, but not in which order all was written.

Every value is written once to a key, so a read names its writer. Of the order of a register's versions only
parts can be inferred (Elle, Kingsbury & Alvaro 2020, on registers), each at a level of its own:

* PLAIN: null is first; and what a transaction writes after it read something is later than what it read;
* PROCESS: what a client's next transaction on the key touches is not earlier than what its last one left;
* REALTIME: a version that some transaction had touched before all that touch another began, is not later.
  This is the zone order of Gibbons & Korach 1997.

An order at a level is used for cycles of that level only. If the database did not respect it, then a cycle of
that level exists all the same, one with a single anti-dependency at worst: what is concluded from an inferred
order is therefore never more than what that cycle would rule out (`checker` sees to it).

Where the inferred order of a key is circular, these are cyclic versions, and the key gives no order at this
level and those above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from checkers.budget import Budget
from checkers.transactions.components import ANY_KIND, components
from checkers.transactions.dependency import PLAIN, PROCESS, REALTIME, Graph, Kind, add_order
from checkers.transactions.finding import Inference, Once, UnrecoverableError
from checkers.transactions.transaction import NEVER, Txn, Value

_TXN_BYTES = 1500  # its micro-operations, edges, and places in tables
_NAMES = {PLAIN: "cyclic-versions", PROCESS: "cyclic-versions-process", REALTIME: "cyclic-versions-realtime"}


@dataclass(slots=True)
class Version:
    """One value of a register, from the view of transactions that committed."""

    writer: int | None
    final: bool
    readers: list[int] = field(default_factory=list)
    following: dict[int, list[tuple[Value, int, int]]] = field(
        default_factory=lambda: {PLAIN: [], PROCESS: [], REALTIME: []}
    )
    """By level: versions that come later, and the two transactions that show it."""
    first_done: int = NEVER
    """The line by which some transaction that touched it had ended,"""
    first_toucher: int = -1
    last_begun: int = -1
    """and the last line on which one that touched it began."""
    last_toucher: int = -1


@dataclass(slots=True)
class _Register:
    """One key: its versions by value; None is what was there at first."""

    key: Value
    versions: dict[Value, Version] = field(default_factory=lambda: {None: Version(None, True)})
    touched: list[tuple[int, Value, Value]] = field(default_factory=list)
    """Transactions in order, with the first version that each touched and the last."""


def infer(txns: list[Txn], budget: Budget) -> Inference:
    """Anomalies and dependencies. Raises UnrecoverableError, LimitReachedError."""
    budget.charge(_TXN_BYTES * len(txns))
    registers = _registers(txns)
    found = Inference(txns, [txn.type == "ok" for txn in txns], Graph(len(txns)), of_registers=True)
    said = Once()
    for number, txn in enumerate(txns):
        _inspect(number, txn, registers, said, found)
    _touch(txns, registers, found)
    for register in registers.values():
        budget.check_time()
        _order(register, found)
        _connect(register, found)
        for value, version in register.versions.items():
            found.versions[register.key, value] = version.following
    add_order(found.graph, txns, found.committed)
    return found


def _registers(txns: list[Txn]) -> dict[Value, _Register]:
    registers: dict[Value, _Register] = {}
    for number, txn in enumerate(txns):
        finals = {mop.key: mop.value for mop in txn.writes}
        for mop in txn.mops:
            register = registers.setdefault(mop.key, _Register(mop.key))
            if mop.f != "w":
                continue
            other = register.versions.get(mop.value)
            if other is not None and other.writer is not None:
                raise UnrecoverableError(txns[other.writer], txn, mop.key, mop.value)
            register.versions[mop.value] = Version(number, finals[mop.key] == mop.value)
    return registers


def _inspect(number: int, txn: Txn, registers: dict[Value, _Register], said: Once, found: Inference) -> None:
    """What one transaction read: does it agree with itself, and who wrote it?"""
    known: dict[Value, Value] = {}
    for place, mop in enumerate(txn.mops):
        if mop.f == "w":
            known[mop.key] = mop.value
        elif txn.type == "ok":
            if mop.key in known and known[mop.key] != mop.value:
                found.find("internal", number, key=mop.key, values=(mop.value, known[mop.key]))
            if any(later.f == "w" and later[1:] == mop[1:] for later in txn.mops[place:]):
                found.find("future-read", number, key=mop.key, values=(mop.value, mop.value))
            known[mop.key] = mop.value
            _inspect_source(number, mop.value, registers[mop.key], said, found)


def _inspect_source(number: int, value: Value, register: _Register, said: Once, found: Inference) -> None:
    """Where a value that was read comes from."""
    version = register.versions.get(value)
    if version is None:
        if said.first((register.key, value)):
            found.find("garbage-read", number, key=register.key, values=(value, value))
        return
    if version.writer == number:
        return
    version.readers.append(number)
    if version.writer is None:
        return
    writer = found.txns[version.writer]
    if writer.type == "fail" and said.first((register.key, value)):
        found.find("G1a", number, version.writer, key=register.key, values=(value, value))
    if not version.final and said.first((register.key, value, number)):
        found.find("G1b", number, version.writer, key=register.key, values=(value, value))
    found.committed[version.writer] |= writer.type == "info"


def _touch(txns: list[Txn], registers: dict[Value, _Register], found: Inference) -> None:
    """What every committed transaction touched first and left last, and what it wrote after what it read."""
    for number, txn in enumerate(txns):
        if not found.committed[number]:
            continue
        ends: dict[Value, tuple[Value, Value, bool]] = {}
        for mop in txn.mops:
            if mop.f == "w" or txn.type == "ok":
                first, _, read_first = ends.get(mop.key, (mop.value, None, mop.f == "r"))
                ends[mop.key] = (first, mop.value, read_first)
        for key, (first, last, read_first) in ends.items():
            register = registers[key]
            if first not in register.versions or last not in register.versions:
                continue
            finals = [mop.value for mop in txn.writes if mop.key == key]
            if finals and read_first and first not in finals:
                register.versions[first].following[PLAIN].append((finals[-1], number, number))
            register.touched.append((number, first if read_first or not finals else finals[-1], last))


def _order(register: _Register, found: Inference) -> None:
    """Infer which versions follow which, level by level, until that is circular."""
    _inspect_lost(register, found)
    _order_of_clients(register, found)
    _order_of_time(register, found)
    names = list(register.versions)
    place = {value: number for number, value in enumerate(names)}
    for level in (PLAIN, PROCESS, REALTIME):
        edges = [
            [
                (place[later], Kind.WW, PLAIN)
                for at in range(level + 1)
                for later, _, _ in register.versions[value].following[at]
            ]
            for value in names
        ]
        circular = next(components(edges, range(len(names)), ANY_KIND, PLAIN), None)
        if circular is None:
            continue
        values = tuple(names[number] for number in circular)
        witnesses = dict.fromkeys(
            number
            for value in values
            for at in range(level + 1)
            for later, *shown in register.versions[value].following[at]
            if later in values
            for number in shown
        )
        found.find(_NAMES[level], *witnesses, key=register.key, values=values)
        for version in register.versions.values():
            for at in range(level, REALTIME + 1):
                version.following[at] = []
        return


def _inspect_lost(register: _Register, found: Inference) -> None:
    """Transactions that read the same version and both wrote a later one."""
    for value, version in register.versions.items():
        takers = [number for _, number, _ in version.following[PLAIN]]
        if len(takers) > 1:
            found.find("lost-update", *takers[:2], key=register.key, values=(value,))


def _order_of_clients(register: _Register, found: Inference) -> None:
    """A client's next transaction touches nothing earlier than its last one left."""
    last: dict[int | str, tuple[int, Value]] = {}
    for number, first, left in register.touched:
        process = found.txns[number].process
        before = last.get(process)
        if before is not None and None not in (before[1], first) and before[1] != first:
            register.versions[before[1]].following[PROCESS].append((first, before[0], number))
        last[process] = (number, left)


def _order_of_time(register: _Register, found: Inference) -> None:
    """Versions whose touchers all began after some toucher of another had ended; the immediate ones only."""
    for number, first, left in register.touched:
        txn = found.txns[number]
        for value in {first, left}:
            version = register.versions[value]
            if txn.end < version.first_done:
                version.first_done, version.first_toucher = txn.end, number
            if txn.begin > version.last_begun:
                version.last_begun, version.last_toucher = txn.begin, number
    versions = sorted(
        (
            (value, version)
            for value, version in register.versions.items()
            if value is not None and version.last_begun >= 0
        ),
        key=lambda item: item[1].last_begun,
    )
    link_immediate(versions)


def link_immediate(versions: Sequence[tuple[Value, Version]]) -> None:
    """`versions` by their last beginning: link each to those after it that have none in between."""
    # The two earliest endings among the versions from each place on, so that a version can leave itself out.
    earliest: list[tuple[tuple[int, int], tuple[int, int]]] = [((NEVER, -1), (NEVER, -1))]
    for place in range(len(versions) - 1, -1, -1):
        best, second = earliest[-1]
        mine = (versions[place][1].first_done, place)
        earliest.append((mine, best) if mine < best else (best, min(second, mine)))
    earliest.reverse()
    begins = [version.last_begun for _, version in versions]
    for place, (_, version) in enumerate(versions):
        after = _after(begins, version.first_done)
        best, second = earliest[after]
        until, next_ = second if best[1] == place else best
        if next_ < 0:
            continue
        while after < len(versions) and begins[after] <= until:
            if after not in (place, next_):
                _link(version, versions[after])
            after += 1
        _link(version, versions[next_])


def _link(version: Version, later: tuple[Value, Version]) -> None:
    version.following[REALTIME].append((later[0], version.first_toucher, later[1].last_toucher))


def _after(begins: Sequence[int], line: int) -> int:
    low, high = 0, len(begins)
    while low < high:
        middle = (low + high) // 2
        if begins[middle] > line:
            high = middle
        else:
            low = middle + 1
    return low


def _connect(register: _Register, found: Inference) -> None:
    """Dependencies through one key."""
    graph = found.graph
    for value, version in register.versions.items():
        if version.writer is not None and not found.committed[version.writer]:
            continue
        if version.writer is not None:
            for reader in version.readers:
                graph.add(version.writer, reader, Kind.WR)
        later = {level: _writers(register, version, level, found) for level in version.following}
        if value is None:
            later[PLAIN] = [
                other.writer
                for other in register.versions.values()
                if other.writer is not None and found.committed[other.writer]
            ]
        for level, writers in later.items():
            _connect_version(version, sorted(set(writers)), level, graph)


def _writers(register: _Register, version: Version, level: int, found: Inference) -> list[int]:
    writers = [register.versions[later].writer for later, _, _ in version.following[level]]
    return [writer for writer in writers if writer is not None and found.committed[writer]]


def _connect_version(version: Version, writers: Sequence[int], level: int, graph: Graph) -> None:
    """From the writer and the readers of a version to the writers of later ones."""
    if not writers:
        return
    if version.writer is not None:
        for writer in writers:
            graph.add(version.writer, writer, Kind.WW, level)
    readers = sorted(set(version.readers))
    if len(readers) * len(writers) <= len(readers) + len(writers):
        for reader in readers:
            for writer in writers:
                graph.add(reader, writer, Kind.RW, level)
        return
    junction = graph.junction()
    for writer in writers:
        graph.add(junction, writer, Kind.FREE)
    for reader in readers:
        graph.add(reader, junction, Kind.RW, level)
