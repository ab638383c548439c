"""Small databases, each of one isolation level, and clients that record what they say.

A transaction is done micro-operation by micro-operation, in between those of others, except where its
database does it at once. The store keeps every committed state, so that old ones can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from checkers.history import History, Op, OpType

Write = Literal["append", "w"]


class AbortedError(Exception):
    """The database does not commit this transaction."""


@dataclass
class Store:
    """Committed states, the last one is now; and what a database without isolation has in place."""

    write: Write
    random: Random
    states: list[dict[int, Any]] = field(default_factory=lambda: [{}])
    writers: dict[int, int] = field(default_factory=dict)
    """Which transaction holds the key for writing."""
    changed: dict[int, int] = field(default_factory=dict)
    """The number of the state in which each key was last written."""

    @property
    def now(self) -> dict[int, Any]:
        return self.states[-1]

    def read(self, state: Mapping[int, Any], key: int) -> Any:
        value = state.get(key)
        return list(value or ()) if self.write == "append" else value

    def written(self, state: Mapping[int, Any], key: int, value: Any) -> Any:
        return [*(state.get(key) or ()), value] if self.write == "append" else value

    def commit(self, writes: list[tuple[int, Any]]) -> None:
        state = dict(self.now)
        for key, value in writes:
            state[key] = self.written(state, key, value)
            self.changed[key] = len(self.states)
        self.states.append(state)


@dataclass
class Session:
    """One transaction in a database; this one does everything at once, which is strictly serializable."""

    store: Store
    number: int
    mops: list[list[Any]]
    at: int = 0
    results: list[list[Any]] = field(default_factory=list)
    writes: list[tuple[int, Any]] = field(default_factory=list)
    undo: list[tuple[int, Any, Any]] = field(default_factory=list)

    def step(self) -> bool:
        """Do some more; whether it is done. May raise AbortedError."""
        self.run(self.store.now)
        self.store.commit(self.writes)
        return True

    def run(self, state: Mapping[int, Any]) -> None:
        """All of it, on one state."""
        mine = dict(state)
        for f, key, value in self.mops:
            if f == "r":
                self.results.append([f, key, self.store.read(mine, key)])
            else:
                mine[key] = self.store.written(mine, key, value)
                self.writes.append((key, value))
                self.results.append([f, key, value])

    def abort(self) -> None:
        """Undo what was done."""
        self.release()

    def hold(self, key: int) -> None:
        """Nobody else may write the key until this ends."""
        if self.store.writers.setdefault(key, self.number) != self.number:
            raise AbortedError

    def release(self) -> None:
        for key in [key for key, number in self.store.writers.items() if number == self.number]:
            del self.store.writers[key]


class StrictlySerializable(Session):
    """Everything at once, in between."""


class Serializable(Session):
    """Whoever only reads may read what was there some time ago."""

    def step(self) -> bool:
        if all(f == "r" for f, _, _ in self.mops):
            states = self.store.states
            self.run(states[max(0, len(states) - 1 - self.store.random.randrange(6))])
            return True
        return super().step()


class SnapshotIsolated(Session):
    """Reads what was there when it began, commits if nobody else wrote the same keys since."""

    begun = -1

    def step(self) -> bool:
        if self.begun < 0:
            self.begun = len(self.store.states) - 1
            self.run(self.store.states[self.begun])
            return False
        if any(self.store.changed.get(key, -1) > self.begun for key, _ in self.writes):
            raise AbortedError
        if self.writes:
            self.store.commit(self.writes)
        return True


class ReadCommitted(Session):
    """Every read sees what is committed by then; one transaction at a time writes a key."""

    def step(self) -> bool:
        if self.at == len(self.mops):
            self.store.commit(self.writes)
            self.release()
            return True
        f, key, value = self.mops[self.at]
        self.at += 1
        if f == "r":
            mine = dict(self.store.now)
            for other, written in self.writes:
                mine[other] = self.store.written(mine, other, written)
            self.results.append([f, key, self.store.read(mine, key)])
        else:
            self.hold(key)
            self.writes.append((key, value))
            self.results.append([f, key, value])
        return False


class ReadUncommitted(Session):
    """Writes at once and in place, one transaction at a time to a key; reads see what is there."""

    locks = True

    def step(self) -> bool:
        store = self.store
        if self.at == len(self.mops):
            if store.random.random() < 0.1:
                raise AbortedError
            self.release()
            return True
        f, key, value = self.mops[self.at]
        self.at += 1
        if f == "r":
            self.results.append([f, key, store.read(store.now, key)])
            return False
        if self.locks:
            self.hold(key)
        self.undo.append((key, store.now.get(key), value))
        store.now[key] = store.written(store.now, key, value)
        self.results.append([f, key, value])
        return False

    def abort(self) -> None:
        for key, before, value in reversed(self.undo):
            if self.store.write == "append":
                self.store.now[key] = [element for element in self.store.now[key] if element != value]
            else:
                self.store.now[key] = before
        self.release()


class WithoutIsolation(ReadUncommitted):
    """Writes at once and in place, whoever else does."""

    locks = False


class Stale(Session):
    """Like a follower that lags: whatever it reads may be old, what it writes goes to the present."""

    def step(self) -> bool:
        states = self.store.states
        self.run(states[max(0, len(states) - 1 - self.store.random.randrange(6))])
        self.store.commit(self.writes)
        return True


class Lossy(Session):
    """Acknowledges, and sometimes forgets."""

    def step(self) -> bool:
        self.run(self.store.now)
        if self.store.random.random() > 0.2:
            self.store.commit(self.writes)
        return True


Database = Callable[[Store, int, list[list[Any]]], Session]


def record(
    database: Database,
    random: Random,
    *,
    write: Write = "append",
    transactions: int = 20,
    clients: int = 4,
    keys: int = 3,
    longest: int = 4,
    unknown: float = 0.1,
    final_read: bool = False,
) -> History:
    """What clients record of a database. `unknown` is the share of transactions whose answer is lost."""
    return _Recorder(database, random, write, keys, longest, unknown).record(
        transactions, clients, final_read
    )


class _Recorder:
    def __init__(
        self, database: Database, random: Random, write: Write, keys: int, longest: int, unknown: float
    ) -> None:
        self.database, self.random, self.write = database, random, write
        self.keys, self.longest, self.unknown = keys, longest, unknown
        self.store = Store(write, random)
        self.counters: dict[int, int] = {}
        self.ops: list[Op] = []

    def record(self, transactions: int, clients: int, final_read: bool) -> History:
        processes = list(range(clients))
        running: dict[int, Session] = {}
        ended: dict[int, OpType] = {}
        begun = 0
        while begun < transactions or running:
            slot = self.random.randrange(clients)
            process = processes[slot]
            if process in ended:
                self._log(process, ended[process], running.pop(process))
                if ended.pop(process) == "info":
                    processes[slot] += clients
            elif process in running:
                outcome = self._step(running[process])
                if outcome is not None:
                    ended[process] = outcome
            elif begun < transactions:
                begun += 1
                running[process] = self.database(self.store, begun, self._mops())
                self._log(process, "invoke", running[process])
        if final_read:
            session = Session(self.store, begun + 1, [["r", key, None] for key in range(self.keys)])
            self._log(10**6, "invoke", session)
            session.step()
            self._log(10**6, "ok", session)
        return History(self.ops)

    def _step(self, session: Session) -> OpType | None:
        lost = self.random.random() < self.unknown
        if lost and self.random.random() < 0.3:
            session.abort()
            return "info"
        try:
            done = session.step()
        except AbortedError:
            session.abort()
            return "info" if lost else "fail"
        return None if not done else "info" if lost else "ok"

    def _mops(self) -> list[list[Any]]:
        mops: list[list[Any]] = []
        for _ in range(self.random.randint(1, self.longest)):
            key = self.random.randrange(self.keys)
            if self.random.random() < 0.5:
                mops.append(["r", key, None])
            else:
                self.counters[key] = self.counters.get(key, 0) + 1
                mops.append([self.write, key, self.counters[key]])
        return mops

    def _log(self, process: int, kind: OpType, session: Session) -> None:
        value = session.results if kind == "ok" else session.mops
        self.ops.append(Op(len(self.ops), len(self.ops) * 1000, process, kind, "txn", value))
