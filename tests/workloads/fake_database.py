"""A leader with followers in memory, and ways in which they can be broken; nothing in it ever waits.

The leader's log is a list of transactions with the time of their commit; a follower applies those that are
older than its lag. A defect is a subclass that replaces one method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from workloads.protocol.capabilities import Document, Node, ReplicationState, Session
from workloads.protocol.outcome import RequestError

MS = 1_000_000
SECOND = 1000 * MS
State = dict[str, Document]
Changes = Mapping[str, Document | None]
"""New documents by key; None removes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction in the log."""

    time: int
    changes: Changes


class FakeDatabase:
    """A server that takes writes, and its followers. `now` is set by whoever runs it."""

    def __init__(self, followers: int, *, unknown: float = 0.0, lag_ns: int = 30 * MS, seed: int = 0) -> None:
        self.nodes = tuple(f"n{number + 1}" for number in range(followers + 1))
        self.leader = self.nodes[0]
        self.now = 0
        self.log: list[Entry] = []
        self.states: dict[str, State] = {node: {} for node in self.nodes}
        self.applied: dict[str, int] = dict.fromkeys(self.nodes[1:], 0)
        self.down: dict[str, None] = {}
        self.wait_for_sync: dict[str, bool] = {}
        self.homes: dict[str, str] = {}
        self.transactions: dict[str, tuple[State, dict[str, Document]]] = {}
        self.unknown = unknown
        self.lag_ns = lag_ns
        self.random = Random(seed)

    # What a defect may replace.

    def commit(self, changes: Changes) -> None:
        """Write a transaction to the log and show it on the leader."""
        self.log.append(Entry(self.now, changes))
        self.show(self.leader, changes)

    def apply(self, follower: str, position: int) -> None:
        """Show a transaction of the log on a follower."""
        self.show(follower, self.log[position].changes)

    def view(self, node: str) -> State:
        """What the node answers from."""
        return self.states[node]

    def documents(self, node: str) -> Sequence[Document]:
        """What the node answers when asked for everything."""
        return [document for _, document in sorted(self.view(node).items())]

    def followed(self, follower: str) -> str | None:
        """Which endpoint the follower says it follows."""
        return f"tcp://{self.leader}:8529"

    def due(self, follower: str) -> bool:
        """Whether the follower applies its next transaction by now."""
        return self.log[self.applied[follower]].time + self.lag_ns <= self.now

    def fits(self, document: Document, revision: str | None) -> bool:
        """Whether a document of a batch has the revision that its replacement asks for."""
        return revision is None or document.revision == revision

    def aborted(self, transaction: str) -> None:
        """A transaction was given up."""

    # What all share.

    def show(self, node: str, changes: Changes) -> None:
        for key, document in changes.items():
            if document is None:
                self.states[node].pop(key, None)
            else:
                self.states[node][key] = document

    def catch_up(self, follower: str) -> None:
        while self.applied[follower] < len(self.log) and self.due(follower):
            self.apply(follower, self.applied[follower])
            self.applied[follower] += 1

    def reach(self, node: str) -> None:
        """Raise if the node does not answer; let it replicate if it does."""
        if node in self.down:
            raise RequestError(f"{node} refuses connections", definite=True)
        if node != self.leader and self.leader not in self.down:
            self.catch_up(node)

    def write(self, node: str, changes: Changes) -> None:
        """Commit, and sometimes let the client not know whether that happened."""
        if self.random.random() < self.unknown:
            if self.random.random() < 0.5:
                self.commit(changes)
            raise RequestError("connection reset", definite=False)
        self.commit(changes)

    def revision(self) -> str:
        return f"_r{self.now}-{len(self.log)}"

    def session(self) -> Session:
        return FakeSession(self)


class FakeSession:
    """A way into the fake."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    @property
    def nodes(self) -> Sequence[str]:
        return self._database.nodes

    @property
    def leader(self) -> str:
        return self._database.leader

    @property
    def followers(self) -> Sequence[str]:
        return self._database.nodes[1:]

    def on(self, node: str) -> Node:
        return FakeNode(self._database, node)

    async def close(self) -> None:
        pass


class FakeNode:
    """One node of the fake."""

    def __init__(self, database: FakeDatabase, name: str) -> None:
        self._database = database
        self._name = name

    async def create_collection(self, collection: str, *, wait_for_sync: bool = False) -> None:
        self._database.wait_for_sync[collection] = wait_for_sync

    async def read(self, collection: str, key: str) -> Document | None:
        self._database.reach(self._name)
        return self._database.view(self._name).get(key)

    async def read_all(self, collection: str) -> Sequence[Document]:
        self._database.reach(self._name)
        homes = self._database.homes
        found = self._database.documents(self._name)
        return [each for each in found if homes.get(each.key, collection) == collection]

    async def insert(self, collection: str, body: Mapping[str, Any], *, key: str | None = None) -> str:
        assert key is not None
        self._database.reach(self._name)
        self._expect(key not in self._database.states[self._name], 409, 1210, "unique constraint violated")
        self._database.homes[key] = collection
        return self._put(key, body)

    async def replace(
        self, collection: str, key: str, body: Mapping[str, Any], *, if_match: str | None = None
    ) -> str:
        self._database.reach(self._name)
        held = self._database.states[self._name].get(key)
        self._expect(held is not None, 404, 1202, "document not found")
        same = if_match is None or (held is not None and held.revision == if_match)
        self._expect(same, 412, 1200, "conflict, _rev values do not match")
        return self._put(key, body)

    async def upsert(self, collection: str, key: str, body: Mapping[str, Any]) -> str:
        self._database.reach(self._name)
        return self._put(key, body)

    async def remove(self, collection: str, key: str, *, if_match: str | None = None) -> None:
        self._database.reach(self._name)
        self._expect(key in self._database.states[self._name], 404, 1202, "document not found")
        self._database.write(self._name, {key: None})

    async def transact(self, collection: str, writes: Mapping[str, Mapping[str, Any]]) -> None:
        self._database.reach(self._name)
        revision = self._database.revision()
        changes = {key: Document(key, revision, dict(body)) for key, body in writes.items()}
        self._database.write(self._name, changes)

    async def truncate(self, collection: str) -> None:
        self._database.reach(self._name)
        homes, held = self._database.homes, self._database.states[self._name]
        self._database.write(self._name, {key: None for key in held if homes.get(key) == collection})

    async def read_many(
        self, collection: str, keys: Sequence[str], *, within: str | None = None
    ) -> Sequence[Document | None]:
        self._database.reach(self._name)
        state = self._database.view(self._name) if within is None else self._database.transactions[within][0]
        return [state.get(key) for key in keys]

    async def replace_many(
        self,
        collection: str,
        bodies: Mapping[str, Mapping[str, Any]],
        *,
        if_match: Mapping[str, str] | None = None,
        within: str | None = None,
    ) -> Mapping[str, str]:
        self._database.reach(self._name)
        held = self._database.states[self._name]
        revision = self._database.revision()
        expected = if_match or {}
        fitting = [k for k in bodies if k in held and self._database.fits(held[k], expected.get(k))]
        changes = {key: Document(key, f"{revision}-{key}", dict(bodies[key])) for key in fitting}
        if within is not None:
            self._database.transactions[within][1].update(changes)
        elif changes:
            self._database.write(self._name, changes)
        return {key: document.revision for key, document in changes.items()}

    async def begin(self, read: Sequence[str], write: Sequence[str]) -> str:
        self._database.reach(self._name)
        name = f"t{len(self._database.transactions)}"
        self._database.transactions[name] = dict(self._database.view(self._name)), {}
        return name

    async def commit(self, transaction: str) -> None:
        self._database.reach(self._name)
        self._database.write(self._name, self._database.transactions[transaction][1])

    async def abort(self, transaction: str) -> None:
        self._database.reach(self._name)
        self._database.aborted(transaction)

    async def applier_state(self) -> ReplicationState:
        self._database.reach(self._name)
        endpoint = self._database.followed(self._name)
        applied = self._database.applied[self._name]
        raw = {} if endpoint is None else {"endpoint": endpoint}
        return ReplicationState(endpoint is not None, applied or None, len(self._database.log), None, raw)

    async def logger_tick(self) -> int:
        self._database.reach(self._name)
        return len(self._database.log)

    async def follow(self, leader: str) -> None:
        raise NotImplementedError("the fake's followers follow from the beginning")

    async def start_applier(self) -> None:
        raise NotImplementedError("the fake's appliers always run")

    def _put(self, key: str, body: Mapping[str, Any]) -> str:
        document = Document(key, self._database.revision(), dict(body))
        self._database.write(self._name, {key: document})
        return document.revision

    def _expect(self, held: bool, status: int, number: int, message: str) -> None:
        if not held:
            raise RequestError(message, definite=True, status=status, number=number)
