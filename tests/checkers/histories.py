"""Histories for tests: written by hand in a line, or made by a correct or a careless object."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from checkers.history import History, Op, OpType


def history(*lines: str) -> History:
    """Lines like "0 invoke write 1", "0 ok write 1", "1 invoke read key=3"; one millisecond apart."""
    return History(_op(index, line) for index, line in enumerate(lines))


def _op(index: int, line: str) -> Op:
    words = line.split()
    options = dict(word.split("=", 1) for word in words[3:] if "=" in word)
    values = [_value(word) for word in words[3:] if "=" not in word]
    value = values[0] if len(values) == 1 else values or None
    kind: Any = words[1]
    return Op(
        index=index,
        time=index * 1_000_000,
        process=int(words[0]) if words[0].isdigit() else words[0],
        type=kind,
        f=words[2],
        value=value,
        key=int(options["key"]) if "key" in options else None,
        node=options.get("node"),
    )


def _value(word: str) -> Any:
    if word == "nil":
        return None
    return int(word) if word.lstrip("-").isdigit() else word


def run_register(
    random: Random,
    *,
    operations: int,
    clients: int = 3,
    keys: int = 0,
    values: int = 3,
    unknown: float = 0.1,
    stale: float = 0.0,
) -> History:
    """What `clients` would record of registers that apply each operation at one moment while it runs.

    `values` is the number of different values, 0 for one of its own in each write; `unknown` the share of
    operations whose answer is lost; `stale` the share of reads that return what was there before.
    """
    return History(_Run(random, clients, keys, values, unknown, stale).record(operations))


class _Run:
    def __init__(
        self, random: Random, clients: int, keys: int, values: int, unknown: float, stale: float
    ) -> None:
        self.random = random
        self.keys, self.values, self.unknown, self.stale = keys, values, unknown, stale
        self.processes: Sequence[int] = range(clients)
        self.clients = clients
        self.state: dict[int, list[Any]] = {}
        self.ops: list[Op] = []
        self.running: dict[int, tuple[str, Any, int]] = {}
        self.applied: dict[int, tuple[OpType, Any]] = {}
        self.late: list[tuple[str, Any, int]] = []
        self.counter = 0

    def record(self, operations: int) -> list[Op]:
        processes = list(self.processes)
        begun = 0
        while begun < operations or self.running:
            slot = self.random.randrange(len(processes))
            process = processes[slot]
            if process not in self.running:
                if begun < operations:
                    self._begin(process)
                    begun += 1
            elif process not in self.applied:
                self._apply(process)
            elif self._end(process) == "info":
                processes[slot] += self.clients
            if self.late and self.random.random() < 0.2:
                self._effect(*self.late.pop())
        return self.ops

    def _begin(self, process: int) -> None:
        f = self.random.choice(["read", "read", "write", "cas"])
        key = self.random.randrange(self.keys) if self.keys else 0
        value = {"read": None, "write": self._fresh(), "cas": [self._known(key), self._fresh()]}[f]
        self.running[process] = (f, value, key)
        self._log(process, "invoke", value)

    def _apply(self, process: int) -> None:
        f, value, key = self.running[process]
        if self.random.random() < self.unknown:
            if self.random.random() < 0.5:
                self.late.append((f, value, key))
            self.applied[process] = ("info", value)
        else:
            self.applied[process] = self._effect(f, value, key)

    def _effect(self, f: str, value: Any, key: int) -> tuple[OpType, Any]:
        past = self.state.setdefault(key, [None])
        if f == "read":
            stale = len(past) > 1 and self.random.random() < self.stale
            return "ok", past[-2] if stale else past[-1]
        if f == "cas" and past[-1] != value[0]:
            return "fail", value
        past.append(value[1] if f == "cas" else value)
        return "ok", value

    def _end(self, process: int) -> OpType:
        kind, value = self.applied.pop(process)
        self._log(process, kind, value)
        del self.running[process]
        return kind

    def _log(self, process: int, kind: OpType, value: Any) -> None:
        f, _, key = self.running[process]
        index = len(self.ops)
        self.ops.append(
            Op(
                index=index,
                time=index * 1000,
                process=process,
                type=kind,
                f=f,
                value=value,
                key=key if self.keys else None,
            )
        )

    def _fresh(self) -> int:
        self.counter += 1
        return self.random.randrange(self.values) if self.values else self.counter

    def _known(self, key: int) -> Any:
        return self.state.get(key, [None])[-1] if self.random.random() < 0.7 else self._fresh()
