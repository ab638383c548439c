"""The compiled twin of `list_append` and `rw_register`: the same evidence, from the lines of a file.

It takes histories of the usual shape as JSON lines (see `checkers/native/transactions.cpp`) and says None of
all others, which are then the Python's. Transactions are read from their lines again when they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, overload

from checkers.budget import Budget, LimitReachedError
from checkers.codec import decode_line, encode_all
from checkers.history import History, Op, Pair
from checkers.native import AVAILABLE
from checkers.transactions.dependency import Kind, Part
from checkers.transactions.finding import Evidence, Finding, UnrecoverableError
from checkers.transactions.transaction import Txn, Value, transaction

if TYPE_CHECKING:
    from checkers.native._engine import Transactions

_TYPES = ("invoke", "ok", "fail", "info")
_LINE_BYTES = 250  # its half of a transaction: micro-operations, edges, and places in tables
_ELEMENT_BYTES = 8
_ELEMENT_CHARACTERS = 3


def infer(lines: bytes, write: Literal["append", "w"], budget: Budget) -> Evidence | None:
    """The evidence in the lines, None if they must be read in Python.

    Raises UnrecoverableError, LimitReachedError.
    """
    if not AVAILABLE:
        return None
    from checkers.native._engine import Transactions  # noqa: PLC0415 - it may not be there

    budget.charge(lines.count(b"\n") * _LINE_BYTES + len(lines) * _ELEMENT_BYTES // _ELEMENT_CHARACTERS)
    engine = Transactions(lines, write == "w", budget.seconds_left)
    if not engine.familiar:
        return None
    if engine.timeout:
        raise LimitReachedError("the time limit was reached")
    same = engine.unrecoverable()
    evidence = _Compiled(engine, _Txns(engine, lines, write), write == "w")
    if same is not None:
        first, second, key, value = same
        raise UnrecoverableError(evidence.txns[first], evidence.txns[second], key, value)
    return evidence


@dataclass(frozen=True)
class _Compiled:
    """Evidence, as the compiled twin keeps it."""

    _engine: Transactions
    txns: Sequence[Txn]
    of_registers: bool
    findings: Sequence[Finding] = field(init=False)

    def __post_init__(self) -> None:
        found = [Finding(*some) for some in self._engine.findings()]
        object.__setattr__(self, "findings", found)

    @property
    def types(self) -> Mapping[str, int]:
        return {name: self._engine.count(number) for number, name in enumerate(_TYPES) if number}

    @cached_property
    def counts(self) -> Mapping[str, int]:
        return self._engine.counts()

    @property
    def dependencies(self) -> int:
        return self._engine.dependencies()

    def parts(self) -> Iterator[Part]:
        for place in range(self._engine.parts()):
            yield {
                node: [(target, _KINDS[kind], level) for target, kind, level in edges]
                for node, edges in self._engine.part(place).items()
            }

    def order(self, key: Value) -> tuple[Value, ...] | None:
        known = self._engine.order(key)
        return None if known is None else known[0]

    def skipped(self, key: Value) -> frozenset[Value]:
        known = self._engine.order(key)
        return frozenset() if known is None else frozenset(known[1])

    def later(self, key: Value, value: Value, level: int) -> Sequence[tuple[Value, int, int]]:
        return self._engine.later(key, value, level)


_KINDS = tuple(Kind)


class _Txns(Sequence[Txn]):
    """Transactions, each read from its lines when it is wanted."""

    def __init__(self, engine: Transactions, lines: bytes, write: Literal["append", "w"]) -> None:
        self._engine, self._lines, self._write = engine, lines, write
        self._read: dict[int, Txn] = {}

    @overload
    def __getitem__(self, number: int) -> Txn: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Txn]: ...
    def __getitem__(self, number: int | slice) -> Txn | Sequence[Txn]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if number not in self._read:
            index, begin, done_index, done = self._engine.lines(number)
            invoke, completion = self._op(begin, index), self._op(done, done_index) if done >= 0 else None
            self._read[number] = transaction(Pair(invoke, completion), self._write)
        return self._read[number]

    def __len__(self) -> int:
        return len(self._engine)

    def _op(self, begin: int, index: int) -> Op:
        return decode_line(self._lines[begin : self._lines.index(b"\n", begin)], index)


def lines_of(history: History) -> bytes:
    """The history as JSON lines."""
    return encode_all(history)
