"""One transaction: every write belongs to one.

Pessimistic locks on keys and snapshot isolation (Berenson et al. 1995): a stream transaction reads what
was committed when it began, plus its own writes; the second writer of a key loses at once (ArangoError
1200, 409), and so does a writer of a key that changed since its snapshot. Write skew is possible, as in
ArangoDB. Commit is one unit in the log, so a crash leaves all of it or nothing.

An automatic transaction (one request) reads the newest committed state instead of a snapshot.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from reference.errors import ArangoError
from reference.storage.catalog import write
from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.record import BEGIN, COMMIT, OVERHEAD, PUT, REMOVE, Draft
from reference.storage.revision import HybridClock
from reference.storage.table import Version
from reference.world import World

if TYPE_CHECKING:
    from reference.storage.transactions import Transactions

RUNNING = "running"
COMMITTED = "committed"
ABORTED = "aborted"


class Transaction:
    """One transaction. `status` is "running", "committed" or "aborted"; `id` is decimal text on the wire.

    As a context manager: leaving the block without commit aborts.
    """

    __slots__ = (
        *("id", "database", "status", "wait_for_sync", "expired", "last_used_ns", "busy"),
        *("tick", "_owner", "_writable", "_readable", "_implicit", "_max_bytes"),
        *("_drafts", "_writes", "_size", "_committing", "_locked"),
    )

    def __init__(
        self,
        owner: Transactions,
        database: Database,
        *,
        transaction_id: int = 0,
        readable: dict[Collection, None] | None = None,
        allow_implicit: bool = True,
        wait_for_sync: bool = False,
        max_bytes: int = 1 << 62,
    ) -> None:
        self.id = transaction_id
        self.database = database
        self.status = RUNNING
        self.wait_for_sync = wait_for_sync
        self.expired = False
        self.last_used_ns = 0
        self.busy = False
        self._owner = owner
        self.tick: int | None = None
        """The snapshot it reads from; None: the newest committed state."""
        self._writable: dict[Collection, None] = {}
        self._readable = readable
        self._implicit = allow_implicit
        self._max_bytes = max_bytes
        self._drafts: list[Draft] = []
        self._writes: dict[Collection, dict[str, Version]] = {}
        self._size = 0
        self._committing = False
        self._locked: list[tuple[Collection, str]] = []

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    @property
    def clock(self) -> HybridClock:
        """Where its revisions come from."""
        return self._owner.clock

    @property
    def world(self) -> World:
        """The server's doors."""
        return self._owner.world

    def declare(self, collection: Collection) -> None:
        """Allow writes; the collection's lock is held."""
        self._writable[collection] = None

    def check_readable(self, collection: Collection) -> None:
        """Raise ArangoError 1652 if the collection was not declared and nothing undeclared may be read."""
        declared = self._readable is None or collection in self._readable or collection in self._writable
        if not declared and not self._implicit:
            raise ArangoError(1652, f"collection not registered with transaction: {collection.name}")

    def lock(self, collection: Collection, key: str) -> None:
        """Take the key for this transaction.

        Raises ArangoError 1652, or 1200 if another has it or changed it.
        """
        if collection not in self._writable:
            raise ArangoError(1652, f"collection not registered with transaction: {collection.name} [write]")
        holder = collection.key_locks.get(key)
        if holder is self:
            return
        if holder is not None:
            raise write_conflict(collection, key)
        if self.tick is not None:
            newest = collection.table.newest(key)
            if newest is not None and newest.tick > self.tick:
                raise write_conflict(collection, key)
        collection.key_locks[key] = self
        self._locked.append((collection, key))

    def lookup(self, collection: Collection, key: str) -> Version | None:
        """The document as this transaction sees it; None if there is none."""
        own = self._writes.get(collection)
        version = own.get(key) if own is not None else None
        if version is None:
            if self.tick is not None:
                return collection.table.at(key, self.tick)
            version = collection.table.newest(key)
        return version if version is not None and version.body is not None else None

    def own_writes(self, collection: Collection) -> dict[str, Version]:
        """What this transaction wrote, by key; a version without body is a removal."""
        return self._writes.get(collection, {})

    def put(self, collection: Collection, key: str, revision: int, body: bytes) -> None:
        """Write a document whose key is locked.

        Raises ArangoError 32 if the transaction becomes too large.
        """
        self._write(Draft(PUT, self.database.id, collection.id, key, revision, body), collection, body)

    def remove(self, collection: Collection, key: str, revision: int, body: bytes) -> None:
        """Remove a document whose key is locked; `body` is the record's."""
        self._write(Draft(REMOVE, self.database.id, collection.id, key, revision, body), collection, None)

    def _write(self, draft: Draft, collection: Collection, body: bytes | None) -> None:
        assert self.status == RUNNING, "writes belong to a running transaction"
        size = OVERHEAD + len(draft.key) + len(draft.body)
        if self._size + size > self._max_bytes:
            raise ArangoError(
                32, f"resource limit exceeded: transaction is larger than {self._max_bytes} bytes"
            )
        self._size += size
        self._drafts.append(draft)
        own = self._writes.get(collection)
        if own is None:
            own = self._writes[collection] = {}
        own[draft.key] = Version(0, draft.revision, body)

    async def commit(self, *, wait_for_sync: bool = False) -> int:
        """Make the writes visible and return the tick of the last record (0: nothing was written).

        With `wait_for_sync` (or if set at begin, or by a written collection) only after the fsync, until
        when the keys stay locked. Raises ArangoError 1203 (a collection was dropped meanwhile; aborted),
        1225 (disk full; aborted), 2 (the log failed: if that was the fsync, nobody knows whether it is
        committed).
        """
        if self.status != RUNNING or self._committing:
            state = "is being committed" if self._committing else f"was already {self.status}"
            raise ArangoError(1653, f"transaction {state}")
        if not self._drafts:
            self._end(COMMITTED)
            return 0
        try:
            self._refuse_dropped()
            tick = self._append()
        except ArangoError:
            self.abort()
            raise
        self._committing = True
        if wait_for_sync or self.wait_for_sync or any(c.wait_for_sync for c in self._writes):
            await self._owner.synced(tick, lambda: self._install(tick))
        else:
            self._install(tick)
        return tick

    def abort(self) -> None:
        """Leave nothing behind; no effect if it is not running, or already in the log."""
        if self.status == RUNNING and not self._committing:
            self._end(ABORTED)

    def _refuse_dropped(self) -> None:
        for collection in self._writes:
            if collection.is_dropped:
                raise ArangoError(1203, f"collection or view not found: {collection.name} was dropped")

    def _append(self) -> int:
        if len(self._drafts) == 1:
            return self._owner.log.append(self._drafts)
        if self.id == 0:
            self.id = self._owner.clock.next()
        database = self.database.id
        unit = [Draft(BEGIN, database), *self._drafts, Draft(COMMIT, database)]
        return self._owner.log.append(unit, self.id)

    def _install(self, tick: int) -> None:
        for collection, writes in self._writes.items():
            for key, version in writes.items():
                write(collection, key, tick, version.revision, version.body)
        self._end(COMMITTED)

    def _end(self, status: str) -> None:
        self.status = status
        for collection, key in self._locked:
            del collection.key_locks[key]
        for collection in self._writable:
            collection.lock.release(self)
        self._drafts, self._writes, self._locked = [], {}, []
        if self.tick is not None:
            self._owner.ended(self)


def write_conflict(collection: Collection, key: str) -> ArangoError:
    """Another transaction has the key, or changed it: surely nothing was done."""
    return ArangoError(
        1200,
        f"write-write conflict - in index primary of type primary over '_key'; conflicting key: {key}",
        status=409,
        extra={"_key": key, "_id": f"{collection.name}/{key}"},
    )
