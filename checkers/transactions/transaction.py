"""Txn and Mop: transactions and the micro-operations they are made of, read from a history.

An operation with `f` "txn" and the value `[["append", k, v], ["r", k, [..]], ["w", k, v]]` is a transaction:
a list of micro-operations in the order in which they were done. Its invocation has null for what is read, its
completion the same list with the results.

The outcome of a transaction is that of its operation: `ok` committed, `fail` aborted, `info` nobody knows.
What an `ok` transaction read was read; what another one read is not known. A transaction that ended with
`info` and whose write somebody saw is taken as committed: if it was not, an aborted write was read, which is
no better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from checkers.history import History, Op, Pair, Process
from checkers.models import freeze

NEVER = 1 << 62
"""The end of a transaction of which nobody knows whether and when it ended."""

Value = Any
"""A frozen value: what a register holds, or an element of a list."""


class ShapeError(ValueError):
    """An operation is no transaction, or not one of this kind. The message names the line."""


class Mop(NamedTuple):
    """One micro-operation. A list that was read is a tuple; None is null, or what was read is not known."""

    f: Literal["append", "w", "r"]
    key: Value
    value: Value


@dataclass(frozen=True, slots=True)
class Txn:
    """One transaction. `begin` and `end` are the lines of its invocation and of its completion."""

    pair: Pair
    type: Literal["ok", "fail", "info"]
    mops: tuple[Mop, ...]
    begin: int
    end: int

    @property
    def process(self) -> Process:
        """The client that did it."""
        return self.pair.invoke.process

    @property
    def ops(self) -> tuple[Op, ...]:
        """The lines of the history."""
        return self.pair.ops

    @property
    def writes(self) -> Iterator[Mop]:
        """What it wrote, in order."""
        return (mop for mop in self.mops if mop.f != "r")

    @property
    def reads(self) -> Iterator[Mop]:
        """What it read; nothing is known of this unless it is `ok`."""
        return (mop for mop in self.mops if mop.f == "r" and self.type == "ok")


def transactions(history: History, write: Literal["append", "w"]) -> list[Txn]:
    """The clients' transactions in order of invocation, whose writes are all `write`. Raises ShapeError."""
    return [transaction(pair, write) for pair in history.pairs]


def transaction(pair: Pair, write: Literal["append", "w"]) -> Txn:
    """One transaction. Raises ShapeError."""
    invoke = pair.invoke
    if invoke.f != "txn":
        raise ShapeError(
            f'index {invoke.index} is "{invoke.f}", not "txn": its value must be a list of reads and writes'
        )
    ended = pair.completion if pair.type == "ok" else None
    told = invoke if ended is None else ended
    mops = _mops(told, write)
    if ended is not None:
        _expect_same(invoke, mops, ended.index, write)
    return Txn(pair, pair.type, mops, invoke.index, NEVER if ended is None else ended.index)


def _mops(op: Op, write: str) -> tuple[Mop, ...]:
    if not isinstance(op.value, list):
        raise ShapeError(f"index {op.index} has no list of micro-operations")
    return tuple(_mop(some, write, op) for some in op.value)


def _mop(some: Any, write: str, op: Op) -> Mop:
    if not isinstance(some, list) or len(some) != 3 or some[0] not in (write, "r"):
        raise ShapeError(
            f'index {op.index}: {some!r} is neither ["{write}", key, value] nor ["r", key, value]'
        )
    f, key, value = some
    if f == "r" and write == "append":
        if isinstance(value, list):
            return Mop("r", freeze(key), tuple(map(freeze, value)))
        if value is not None:
            raise ShapeError(f"index {op.index}: {some!r} read no list")
        return Mop("r", freeze(key), () if op.type == "ok" else None)
    if f != "r" and value is None:
        raise ShapeError(f"index {op.index}: {some!r} writes null, which stands for what was there at first")
    return Mop(f, freeze(key), freeze(value))


def _expect_same(invoke: Op, mops: Sequence[Mop], index: int, write: str) -> None:
    """The completion must be of what was asked: the same micro-operations, reads filled in."""
    asked = _mops(invoke, write)
    same = len(asked) == len(mops) and all(
        a.f == b.f and a.key == b.key and (a.f == "r" or a.value == b.value)
        for a, b in zip(asked, mops, strict=True)
    )
    if not same:
        raise ShapeError(
            f"index {index} completes other micro-operations than index {invoke.index} asked for"
        )
