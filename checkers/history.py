"""Op, Pair and History: the record of what clients asked and what they were told.

An operation appears twice, as its *invocation* and as its *completion*, both by one process. The words are
Jepsen's: `ok`, it happened inside the interval; `fail`, it certainly did not happen; `info`, unknown, now or
ever, so it may take effect at any later time and its process never acts again.

Real time is the order of the lines, which `index` numbers: what completed on an earlier line than another
began had ended before it. `time` measures, it does not order. How histories are stored: `checkers.codec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, overload

import msgspec

OpType = Literal["invoke", "ok", "fail", "info"]
Process = int | str
"""A logical client, numbered from 0; or "nemesis", which breaks things."""
NEMESIS = "nemesis"
UNTIMED = -1
"""`time` of an operation whose recorder kept no time."""


class Op(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a history. A msgspec record, because a million of them must load in a second.

    `index` counts lines from 0; `time` is integer nanoseconds since the run began; `f` names what is done
    ("read", "write", "cas", "add", "txn", …) and `value` its argument or result; `key` is set when the
    operation concerns one object of many; `node` and `error` are evidence, without meaning to a checker.
    """

    index: int
    time: int
    process: Process
    type: OpType
    f: str
    value: Any = None
    key: int | str | None = None
    node: str | None = None
    error: str | None = None


class Pair(msgspec.Struct, frozen=True):
    """One operation of a client: its invocation and its completion, None if the record ends before that."""

    invoke: Op
    completion: Op | None

    @property
    def type(self) -> Literal["ok", "fail", "info"]:
        """How it ended. Without a completion nobody knows, which is what `info` means."""
        if self.completion is None or self.completion.type == "invoke":
            return "info"
        return self.completion.type

    @property
    def f(self) -> str:
        """What was done."""
        return self.invoke.f

    @property
    def value(self) -> Any:
        """The result if it is `ok` and has one, else the argument."""
        if self.completion is not None and self.completion.type == "ok" and self.completion.value is not None:
            return self.completion.value
        return self.invoke.value

    @property
    def key(self) -> int | str | None:
        """The object it concerns."""
        if self.invoke.key is None and self.completion is not None:
            return self.completion.key
        return self.invoke.key

    @property
    def node(self) -> str | None:
        """The node that answered, or was asked."""
        return self.invoke.node if self.completion is None else self.completion.node or self.invoke.node

    @property
    def latency_ns(self) -> int | None:
        """From invocation to completion; None if either is missing or untimed."""
        if self.completion is None or UNTIMED in (self.invoke.time, self.completion.time):
            return None
        return self.completion.time - self.invoke.time

    @property
    def ops(self) -> tuple[Op, ...]:
        """The one or two lines of the history."""
        return (self.invoke,) if self.completion is None else (self.invoke, self.completion)

    def precedes(self, other: Pair) -> bool:
        """Whether it had certainly ended before the other began."""
        return (
            self.completion is not None
            and self.completion.type == "ok"
            and self.completion.index < other.invoke.index
        )


class MalformedHistoryError(ValueError):
    """These operations cannot be a record of sequential clients. `position` counts operations from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class History(Sequence[Op]):
    """An immutable sequence of operations in the order in which they were recorded.

    `notes` says, a sentence each, what its reader had to leave out. Views keep the indices of the whole.
    """

    def __init__(self, ops: Iterable[Op] = (), notes: tuple[str, ...] = ()) -> None:
        self._ops = tuple(ops)
        self.notes = notes

    @overload
    def __getitem__(self, index: int) -> Op: ...
    @overload
    def __getitem__(self, index: slice) -> History: ...
    def __getitem__(self, index: int | slice) -> Op | History:
        return History(self._ops[index], self.notes) if isinstance(index, slice) else self._ops[index]

    def __len__(self) -> int:
        return len(self._ops)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self._ops == other._ops

    def __hash__(self) -> int:
        return hash((len(self._ops), self._ops[:1], self._ops[-1:]))

    def __repr__(self) -> str:
        return f"History of {len(self._ops)} operations"

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The clients' operations, each with its completion, in order of invocation.

        Raises MalformedHistoryError unless indices rise, every completion follows an invocation by its
        process with the same `f` and `key`, no process invokes twice at once, and none acts after `info`.
        """
        return _pair(self._ops)

    @cached_property
    def clients(self) -> History:
        """What clients did."""
        return self.where(lambda op: op.process != NEMESIS)

    @cached_property
    def nemesis(self) -> History:
        """What was broken and mended."""
        return self.where(lambda op: op.process == NEMESIS)

    @property
    def timed(self) -> bool:
        """Whether every operation says when it was recorded."""
        return all(op.time != UNTIMED for op in self._ops)

    def where(self, keep: Callable[[Op], bool]) -> History:
        """The operations that `keep` accepts."""
        return History((op for op in self._ops if keep(op)), self.notes)

    def by_process(self) -> Mapping[Process, History]:
        """One history for each process, in order of appearance."""
        return self._split(lambda op: op.process)

    def by_key(self) -> Mapping[int | str | None, History]:
        """The clients' operations, one history for each key; those without a key are under None."""
        keys = {pair.completion.index: pair.key for pair in self.pairs if pair.completion is not None}
        return self.clients._split(lambda op: keys.get(op.index, op.key))

    def workloads(self) -> tuple[str, ...]:
        """Names before the colon of each `f`, in order of appearance; empty if one workload ran alone."""
        return tuple(dict.fromkeys(op.f.split(":", 1)[0] for op in self.clients if ":" in op.f))

    def of_workload(self, name: str) -> History:
        """The clients' operations of one workload, its name stripped from `f`, and all of the nemesis."""
        prefix = f"{name}:"
        strip = msgspec.structs.replace
        return History(
            (
                op if op.process == NEMESIS else strip(op, f=op.f[len(prefix) :])
                for op in self._ops
                if op.process == NEMESIS or op.f.startswith(prefix)
            ),
            self.notes,
        )

    def _split(self, key: Callable[[Op], Any]) -> dict[Any, History]:
        groups: dict[Any, list[Op]] = {}
        for op in self._ops:
            groups.setdefault(key(op), []).append(op)
        return {name: History(ops, self.notes) for name, ops in groups.items()}


def _pair(ops: Sequence[Op]) -> tuple[Pair, ...]:
    open_: dict[Process, tuple[int, Op]] = {}
    retired: dict[Process, int] = {}
    places: list[Op] = []
    completions: dict[int, Op] = {}
    previous = -1
    for position, op in enumerate(ops):
        if op.index <= previous:
            raise MalformedHistoryError(
                f"index {op.index} follows index {previous}; indices must rise", position
            )
        previous = op.index
        process = op.process
        if process == NEMESIS:
            continue
        if op.type == "invoke":
            _expect_free(op, open_, retired, position)
            open_[process] = (len(places), op)
            places.append(op)
            continue
        begun = open_.pop(process, None)
        if begun is None:
            raise MalformedHistoryError(f"completion of process {process} without an invocation", position)
        place, invocation = begun
        if op.f != invocation.f or op.key != invocation.key or op.time < invocation.time:
            _expect_answer(invocation, op, position)
        if op.type == "info":
            retired[process] = position
        completions[place] = op
    return tuple(Pair(op, completions.get(place)) for place, op in enumerate(places))


def _expect_free(
    op: Op, open_: Mapping[Process, tuple[int, Op]], retired: Mapping[Process, int], position: int
) -> None:
    if isinstance(op.process, str):
        raise MalformedHistoryError(f'process "{op.process}" is neither a number nor "nemesis"', position)
    if op.process in open_:
        raise MalformedHistoryError(
            f'process {op.process} invokes "{op.f}" before its operation of index '
            f"{open_[op.process][1].index} has completed",
            position,
        )
    if op.process in retired:
        raise MalformedHistoryError(
            f"process {op.process} acts after one of its operations ended with info; "
            "it must go on under a new number",
            position,
        )


def _expect_answer(invocation: Op, completion: Op, position: int) -> None:
    who = f"process {completion.process}"
    if completion.f != invocation.f:
        raise MalformedHistoryError(
            f'{who} completes "{completion.f}" but invoked "{invocation.f}"', position
        )
    if None not in (completion.key, invocation.key) and completion.key != invocation.key:
        raise MalformedHistoryError(
            f"{who} completes on key {completion.key!r} what it invoked on key {invocation.key!r}",
            position,
        )
    if UNTIMED not in (completion.time, invocation.time) and completion.time < invocation.time:
        raise MalformedHistoryError(
            f"{who} completes at time {completion.time}, before its invocation at {invocation.time}", position
        )
