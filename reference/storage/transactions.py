"""All transactions of a server: begin, find, expire, and remember for a while how they ended."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from reference.errors import ArangoError
from reference.storage.catalog import Catalog
from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.locks import wait_within
from reference.storage.log import Log
from reference.storage.revision import HybridClock
from reference.storage.settings import StorageOptions
from reference.storage.snapshot import release
from reference.storage.transaction import ABORTED, COMMITTED, RUNNING, Transaction
from reference.world import World

LOCK_TIMEOUT_S = 900.0
"""arangod's `lockTimeout` when a transaction gives none."""
_REMEMBERED = 10_000
"""How many ended stream transactions can still be asked for."""


class Transactions:
    """Begins transactions and knows those that stream."""

    def __init__(
        self, world: World, options: StorageOptions, clock: HybridClock, log: Log, catalog: Catalog
    ) -> None:
        self.log = log
        self.clock = clock
        self.world = world
        self._options = options
        self._catalog = catalog
        self._streams: dict[int, Transaction] = {}
        self._ended: dict[int, Transaction] = {}
        self._queues: dict[int, deque[asyncio.Future[None]]] = {}
        self._pending_tick = 0

    async def auto(self, database: Database, write: Collection | None = None) -> Transaction:
        """A transaction for one request (single document or batch): reads the newest committed state.

        Waits behind an exclusive holder of `write` (ArangoError 18 after 900 s). Use it as `with`:
        leaving the block without commit aborts.
        """
        transaction = Transaction(self, database)
        if write is not None:
            await self._lock(transaction, write, exclusive=False, timeout_s=LOCK_TIMEOUT_S)
        return transaction

    async def exclusive(self, database: Database, collection: Collection) -> Transaction:
        """An automatic transaction that is alone in writing to `collection`."""
        transaction = Transaction(self, database)
        await self._lock(transaction, collection, exclusive=True, timeout_s=LOCK_TIMEOUT_S)
        return transaction

    async def begin(
        self,
        database: Database,
        *,
        read: Sequence[Collection] = (),
        write: Sequence[Collection] = (),
        exclusive: Sequence[Collection] = (),
        allow_implicit: bool = True,
        wait_for_sync: bool = False,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        max_bytes: int | None = None,
    ) -> Transaction:
        """Begin a stream transaction; raises ArangoError 18 if the collections cannot be locked in time."""
        transaction = Transaction(
            self,
            database,
            transaction_id=self.clock.next(),
            readable=dict.fromkeys(read),
            allow_implicit=allow_implicit,
            wait_for_sync=wait_for_sync,
            max_bytes=self._options.transaction_max_bytes if max_bytes is None else max_bytes,
        )
        alone = {collection.id: (collection, False) for collection in write}
        alone |= {collection.id: (collection, True) for collection in exclusive}
        try:
            for _, (collection, is_exclusive) in sorted(alone.items()):
                await self._lock(transaction, collection, exclusive=is_exclusive, timeout_s=lock_timeout_s)
            transaction.tick = self.log.last_tick  # after the locks: what their holders wrote is to be seen
            self._catalog.live.pin(transaction.tick)
            self._streams[transaction.id] = transaction
            await self.settled()
        except BaseException:
            transaction.abort()
            raise
        transaction.last_used_ns = self.world.clock.monotonic_ns()
        return transaction

    @asynccontextmanager
    async def use(self, database: Database, transaction_id: int) -> AsyncIterator[Transaction]:
        """Hold a running stream transaction for one request; each use restarts its idle time.

        Raises ArangoError 1655 (unknown, or committed), 1654 (aborted or expired), 28 (busy for too long).
        """
        async with self._hold(database, transaction_id) as transaction:
            if transaction.status == ABORTED:
                transaction.expired = False
                raise ArangoError(1654, f"transaction '{transaction_id}' was aborted")
            if transaction.status == COMMITTED:
                raise _unknown(transaction_id)
            yield transaction

    def status(self, database: Database, transaction_id: int) -> str:
        """One of "running", "committed", "aborted"; raises ArangoError 1655."""
        return self._find(database, transaction_id).status

    async def commit(self, database: Database, transaction_id: int) -> str:
        """Commit by id, idempotent while remembered; raises 1655, 1653 (aborted before), 1654 (expired)."""
        async with self._hold(database, transaction_id) as transaction:
            self._refuse_expired(transaction)
            if transaction.status == ABORTED:
                raise ArangoError(1653, "transaction was already aborted")
            if transaction.status == RUNNING:
                await transaction.commit()
            return transaction.status

    async def abort(self, database: Database, transaction_id: int) -> str:
        """Abort by id, idempotent while remembered; raises 1655, 1653 (committed before), 1654 (expired)."""
        async with self._hold(database, transaction_id) as transaction:
            self._refuse_expired(transaction)
            if transaction.status == COMMITTED:
                raise ArangoError(1653, "transaction was already committed")
            transaction.abort()
            return transaction.status

    def running(self, database: Database) -> list[Transaction]:
        """Running stream transactions, oldest first."""
        return [transaction for transaction in self._streams.values() if transaction.database is database]

    def abort_all(self, database: Database | None = None) -> None:
        """Abort the stream transactions of one database, or all."""
        for transaction in list(self._streams.values()):
            if database is None or transaction.database is database:
                transaction.abort()

    def expire(self) -> None:
        """Abort what has been idle for too long."""
        oldest_ns = self.world.clock.monotonic_ns() - int(self._options.transaction_idle_timeout_s * 1e9)
        for transaction in list(self._streams.values()):
            if not transaction.busy and 0 < transaction.last_used_ns < oldest_ns:
                transaction.expired = True
                transaction.abort()

    async def synced(self, tick: int, install: Callable[[], None]) -> None:
        """Let a commit become visible when `tick` is durable."""
        self._pending_tick = max(self._pending_tick, tick)
        await self.log.synced(tick, install)

    async def settled(self) -> None:
        """Return when every commit that is in the log now is visible."""
        if self._pending_tick > self.log.durable_tick:
            await self.log.synced(self._pending_tick)

    def ended(self, transaction: Transaction) -> None:
        """A stream transaction ended: let its snapshot go, remember how it ended."""
        assert transaction.tick is not None, "only stream transactions are remembered"
        release(self._catalog, transaction.tick)
        del self._streams[transaction.id]
        self._ended[transaction.id] = transaction
        if len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]

    async def _lock(
        self, transaction: Transaction, collection: Collection, *, exclusive: bool, timeout_s: float
    ) -> None:
        lock = collection.lock
        if not lock.try_acquire(transaction, exclusive=exclusive):
            await lock.acquire(transaction, exclusive=exclusive, clock=self.world.clock, timeout_s=timeout_s)
        transaction.declare(collection)
        if collection.is_dropped:
            transaction.abort()
            raise ArangoError(1203, f"collection or view not found: {collection.name}")

    def _find(self, database: Database, transaction_id: int) -> Transaction:
        found = self._streams.get(transaction_id) or self._ended.get(transaction_id)
        if found is None or found.database is not database:
            raise _unknown(transaction_id)
        return found

    def _refuse_expired(self, transaction: Transaction) -> None:
        if transaction.expired:
            transaction.expired = False  # said once; from now on it is simply aborted
            raise ArangoError(1654, f"transaction '{transaction.id}' has expired")

    @asynccontextmanager
    async def _hold(self, database: Database, transaction_id: int) -> AsyncIterator[Transaction]:
        """Be the only request on a transaction."""
        transaction = self._find(database, transaction_id)
        if transaction.busy:
            await self._wait_idle(transaction)
        transaction.busy = True
        try:
            yield transaction
        finally:
            transaction.busy = False
            transaction.last_used_ns = self.world.clock.monotonic_ns()
            self._wake_next(transaction.id)

    async def _wait_idle(self, transaction: Transaction) -> None:
        clock = self.world.clock
        deadline_ns = clock.monotonic_ns() + int(self._options.transaction_lock_timeout_s * 1e9)
        queue = self._queues.setdefault(transaction.id, deque())
        while transaction.busy:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            queue.append(future)
            try:
                await wait_within(future, clock, max(0, deadline_ns - clock.monotonic_ns()) / 1e9)
            except TimeoutError as error:
                raise ArangoError(
                    28, f"transaction '{transaction.id}' is in use by another request"
                ) from error

    def _wake_next(self, transaction_id: int) -> None:
        queue = self._queues.get(transaction_id)
        while queue:
            future = queue.popleft()
            if not future.done():
                future.set_result(None)
                return
        self._queues.pop(transaction_id, None)


def _unknown(transaction_id: int) -> ArangoError:
    return ArangoError(1655, f"transaction '{transaction_id}' not found")
