"""Batches: snapshots that a leader holds for followers in their initial sync.

A batch pins one durable snapshot at `tick`, and the log after it. The position of a dump is kept here, in
the batch: a dump is a stream that goes on where the last request ended. Our followers number their requests,
so one that arrives twice is answered twice alike and skips nothing; others (an arangod) must not repeat one
whose answer got lost, and begin anew with another batch. Batches end when told, or when their time to live
has run out without a word; then the next request finds none (404/1600).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from reference.errors import ArangoError
from reference.replication.clients import Clients, Follower
from reference.replication.revisions import RevisionIndex
from reference.storage.collection import Collection
from reference.storage.engine import Engine
from reference.storage.snapshot import CollectionView, Document, Snapshot
from reference.world import Clock

DEFAULT_TTL_S = 7200.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a dump, and whether there are more."""

    body: bytes
    check_more: bool


@dataclass(slots=True)
class Position:
    """How far one collection has been dumped. `ahead` is the next document, already taken from `rest`.

    `number` pieces were answered, of which `last` is the last.
    """

    rest: Iterator[Document]
    ahead: Document | None
    number: int = 0
    last: Piece | None = None


@dataclass(slots=True)
class Batch:
    """One batch of one follower."""

    id: int
    snapshot: Snapshot
    follower: Follower
    ttl_s: float
    expires_ns: int
    positions: dict[int, Position] = field(default_factory=dict)
    indexes: dict[int, RevisionIndex] = field(default_factory=dict)

    @property
    def pin(self) -> str:
        """The name of its pin in the log."""
        return f"batch {self.id}"

    def view(self, database_id: int, name: str) -> CollectionView:
        """A collection in the snapshot, by name or decimal id; raises ArangoError 1203."""
        for view in self.snapshot.collections(database_id):
            if name in (view.definition["name"], str(view.collection.id)):
                return view
        raise ArangoError(1203, f"collection or view not found: {name}")

    def position(self, collection: Collection) -> Position:
        """Where the dump of `collection` stands; at its beginning if it was not asked for yet."""
        position = self.positions.get(collection.id)
        if position is None:
            rest = self.snapshot.documents(collection)
            position = self.positions[collection.id] = Position(rest, next(rest, None))
        return position


class Batches:
    """The batches of one server."""

    def __init__(self, clock: Clock, engine: Engine, clients: Clients) -> None:
        self._clock = clock
        self._engine = engine
        self._clients = clients
        self._batches: dict[int, Batch] = {}
        self._expiry: asyncio.Task[None] | None = None

    async def begin(self, follower: Follower, ttl_s: float) -> Batch:
        """Take a snapshot of now for `follower`."""
        batch = Batch(self._engine.clock.next(), await self._engine.snapshot(), follower, 0.0, 0)
        self._batches[batch.id] = batch
        self._keep(batch, ttl_s)
        if self._expiry is None:
            self._expiry = asyncio.create_task(self._expire())
        return batch

    def find(self, number: str) -> Batch:
        """A living batch by its id; raises ArangoError 1600."""
        self._end_expired()
        batch = self._batches.get(int(number)) if number.isascii() and number.isdigit() else None
        if batch is None:
            raise ArangoError(1600, "cursor not found: context was not found")
        return batch

    def extend(self, number: str, ttl_s: float) -> None:
        """Let a batch live for `ttl_s` from now; raises ArangoError 1600."""
        self._keep(self.find(number), ttl_s)

    def end(self, number: str) -> None:
        """Let a batch go; raises ArangoError 1600. Its follower goes on to need the log for a while."""
        self._release(self.find(number))

    def close(self) -> None:
        """Let all batches go."""
        if self._expiry is not None:
            self._expiry.cancel()
        for batch in list(self._batches.values()):
            self._release(batch)

    def _keep(self, batch: Batch, ttl_s: float) -> None:
        batch.ttl_s = ttl_s or DEFAULT_TTL_S
        batch.expires_ns = self._clock.monotonic_ns() + int(batch.ttl_s * 1e9)
        self._engine.log.pin(batch.pin, batch.snapshot.tick, batch.ttl_s)
        self._clients.saw(batch.follower, batch.snapshot.tick, batch.ttl_s)

    def _release(self, batch: Batch) -> None:
        del self._batches[batch.id]
        self._engine.log.unpin(batch.pin)
        batch.snapshot.release()

    def _end_expired(self) -> None:
        now_ns = self._clock.monotonic_ns()
        for batch in [batch for batch in self._batches.values() if batch.expires_ns <= now_ns]:
            self._release(batch)

    async def _expire(self) -> None:
        """Let forgotten batches go, or their snapshots would keep old versions for ever."""
        while self._batches:
            first_ns = min(batch.expires_ns for batch in self._batches.values())
            await self._clock.sleep(max(0.0, (first_ns - self._clock.monotonic_ns()) / 1e9))
            self._end_expired()
        self._expiry = None
