"""The storage of one server: log, checkpoints, databases, transactions.

Opening: the newest checkpoint, then the log after it. Running: a change is a record in the log first, and
takes effect by being applied to the catalog, in recovery as well as now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from reference.errors import ArangoError
from reference.storage.catalog import Catalog, CollectionIdentity
from reference.storage.checkpoint import load_checkpoint, write_checkpoint
from reference.storage.collection import DOCUMENTS, EDGES, Collection, check_name
from reference.storage.corruption import CorruptStorage
from reference.storage.database import SYSTEM_ID, SYSTEM_NAME, Database, check_database_name
from reference.storage.keys import check_options
from reference.storage.log import Log
from reference.storage.record import Draft, Record, Type
from reference.storage.revision import HybridClock
from reference.storage.settings import StorageOptions
from reference.storage.snapshot import Snapshot
from reference.storage.table import LiveTicks
from reference.storage.transactions import Transactions
from reference.world import World

_TEND_S = 1.0
_SERVER_FILE = "SERVER"
_encode = msgspec.json.Encoder().encode


class Engine:
    """Everything one server stores. Definitions are logged, durable on return, and not transactional."""

    def __init__(
        self,
        world: World,
        options: StorageOptions,
        server_id: str,
        *,
        clock: HybridClock,
        catalog: Catalog,
        log: Log,
        checkpoint_tick: int,
        recovery: tuple[str, ...],
    ) -> None:
        self.world = world
        self.options = options
        self.server_id = server_id
        """Decimal 48-bit number, the same for the life of the data directory."""
        self.clock = clock
        self.log = log
        self.recovery = recovery
        """What recovery did, as sentences for the server's log."""
        self.transactions = Transactions(world, options, clock, log, catalog)
        self._catalog = catalog
        self._checkpoint_tick = checkpoint_tick
        self._checkpoint_bytes = 0
        self._checkpoint_after = 0  # what recovery had to read again counts as growth
        self._checkpointing = asyncio.Lock()
        self._tending: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, world: World, options: StorageOptions | None = None) -> Engine:
        """Recover from the disk, or begin anew; raises CorruptStorage with file and offset."""
        options = options or StorageOptions()
        server_id = await _server_id(world)
        clock = await HybridClock.open(world)
        catalog = Catalog(LiveTicks())
        checkpoint_tick = await load_checkpoint(world.disk, catalog)
        log, report = await Log.open(world, options, checkpoint_tick, catalog.apply_unit)
        # Covered by the clock's own bound, unless somebody removed its file.
        await clock.observe(max((c.revision for c in catalog.collections.values()), default=0))
        engine = cls(
            world,
            options,
            server_id,
            clock=clock,
            catalog=catalog,
            log=log,
            checkpoint_tick=checkpoint_tick,
            recovery=report,
        )
        if SYSTEM_NAME not in catalog.databases:
            await engine._define(Draft(Type.CREATE_DATABASE, SYSTEM_ID, body=_named(SYSTEM_ID, SYSTEM_NAME)))
        engine._tending = asyncio.get_running_loop().create_task(engine._tend())
        return engine

    async def close(self) -> None:
        """Abort running transactions, sync, stop background work."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        self.transactions.abort_all()
        await self.clock.close()
        await self.log.close()

    def databases(self) -> list[Database]:
        """All databases in order of creation, `_system` first."""
        return list(self._catalog.databases.values())

    def database(self, name: str) -> Database:
        """By name; raises ArangoError 1228."""
        return self._catalog.database(name)

    def database_name(self, database_id: int) -> str | None:
        """Name by id, also of one dropped since; None if there never was one."""
        known = self._catalog.known_databases.get(database_id)
        return known.name if known is not None else None

    def collection(self, collection_id: int) -> Collection | None:
        """By id, in whatever database; None if there is none (any more)."""
        return self._catalog.collections.get(collection_id)

    def identity(self, collection_id: int) -> CollectionIdentity | None:
        """Who a collection id of the log is, also of one dropped since."""
        return self._catalog.known_collections.get(collection_id)

    async def create_database(self, name: str) -> Database:
        """Create a database; raises 1207 (exists), 1229 (illegal name)."""
        check_database_name(name)
        if name in self._catalog.databases:
            raise ArangoError(1207, f"duplicate name: database '{name}' exists")
        number = self.clock.next()
        await self._define(Draft(Type.CREATE_DATABASE, number, body=_named(number, name)))
        return self.database(name)

    async def drop_database(self, name: str) -> None:
        """Drop it with its collections; raises 1228, 11 for `_system`."""
        database = self.database(name)
        if database.is_system:
            raise ArangoError(11, "forbidden: _system cannot be dropped")
        self.transactions.abort_all(database)
        await self._define(Draft(Type.DROP_DATABASE, database.id, body=_named(database.id, name)))

    async def create_collection(
        self,
        database: Database,
        name: str,
        *,
        kind: int = DOCUMENTS,
        is_system: bool = False,
        wait_for_sync: bool = False,
        key_options: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        guid: str | None = None,
    ) -> Collection:
        """Create a collection (`guid`: it is a leader's). Raises ArangoError 1207, 1208, 10, 1228, 1232."""
        check_name(name, is_system=is_system)
        if kind not in {DOCUMENTS, EDGES}:
            raise ArangoError(10, "invalid collection type: 2 (documents) or 3 (edges)")
        options = check_options(key_options)
        self._check_free(database, name)
        number = self.clock.next()
        definition = {
            **(properties or {}),
            "id": str(number),
            "globallyUniqueId": guid or f"h{int(self.server_id):X}/{number}",
            "name": name,
            "type": kind,
            "isSystem": is_system,
            "waitForSync": wait_for_sync,
            "keyOptions": options,
        }
        whole = Collection(database.id, definition, self._catalog.live).definition()
        await self._define(Draft(Type.CREATE_COLLECTION, database.id, number, body=_encode(whole)))
        return database.collection(str(number))

    async def drop_collection(self, collection: Collection) -> None:
        """Drop it with its documents; a transaction that wrote to it can no longer commit."""
        self._check_exists(collection)
        await self._change(
            collection, Type.DROP_COLLECTION, {"id": str(collection.id), "name": collection.name}
        )

    async def rename_collection(self, collection: Collection, name: str) -> None:
        """Rename; raises 1203, 1207, 1208."""
        self._check_exists(collection)
        check_name(name, is_system=collection.is_system)
        database = self.database(self.database_name(collection.database_id) or "")
        if name != collection.name:
            self._check_free(database, name)
            with await self.transactions.exclusive(database, collection):
                self._check_free(database, name)
                body = {"id": str(collection.id), "name": name, "oldName": collection.name}
                await self._change(collection, Type.RENAME_COLLECTION, body)

    async def change_collection(
        self,
        collection: Collection,
        *,
        wait_for_sync: bool | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Change what may be changed after creation; `properties` are merged."""
        self._check_exists(collection)
        changed = collection.definition() | dict(properties or {})
        fixed = {name: collection.definition()[name] for name in ("id", "globallyUniqueId", "name", "type")}
        sync = collection.wait_for_sync if wait_for_sync is None else wait_for_sync
        await self._change(collection, Type.CHANGE_COLLECTION, changed | fixed | {"waitForSync": sync})

    async def truncate(self, collection: Collection) -> None:
        """Remove all documents by one record (2004); waits for transactions that write there to end."""
        database = self.database(self.database_name(collection.database_id) or "")
        with await self.transactions.exclusive(database, collection):
            draft = Draft(Type.TRUNCATE, database.id, collection.id, revision=self.clock.next())
            await self._define(draft)

    async def create_index(self, collection: Collection, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Record an index and return it with its `id` (kept if given); uniqueness is not enforced."""
        self._check_exists(collection)
        index = {"id": str(self.clock.next())} | dict(definition)
        await self._change(collection, Type.CREATE_INDEX, index)
        return index

    async def drop_index(self, collection: Collection, index_id: str) -> None:
        """Forget an index; raises 1212."""
        self._check_exists(collection)
        if all(index["id"] != index_id for index in collection.indexes):
            raise ArangoError(1212, f"index not found: {index_id}")
        await self._change(collection, Type.DROP_INDEX, {"id": index_id})

    async def snapshot(self) -> Snapshot:
        """A consistent view of now; when it is returned, all of it is durable."""
        snapshot = Snapshot(self._catalog, self.log.last_tick)
        try:
            # Commits that wait for their fsync become visible by it, so this completes the view.
            await self.log.synced(snapshot.tick)
        except BaseException:
            snapshot.release()
            raise
        return snapshot

    async def flush(self) -> None:
        """Write a checkpoint and begin a new segment, so that all closed segments may be removed in time."""
        self.log.rotate()
        await self._checkpoint()

    async def _checkpoint(self) -> None:
        async with self._checkpointing:
            appended = self.log.appended_bytes
            snapshot = await self.snapshot()
            try:
                if snapshot.tick > self._checkpoint_tick:
                    first = self.log.first_tick
                    size = await write_checkpoint(self.world.disk, self._catalog, snapshot, first)
                    self._checkpoint_tick, self._checkpoint_bytes = snapshot.tick, size
                    self._checkpoint_after = appended
            finally:
                snapshot.release()

    async def _tend(self) -> None:
        """Whatever must be done every now and then."""
        while True:
            await self.world.clock.sleep(_TEND_S)
            self.transactions.expire()
            growth = self.log.appended_bytes - self._checkpoint_after
            try:
                if growth >= max(self.options.checkpoint_bytes, self._checkpoint_bytes):
                    await self._checkpoint()
                await self.log.prune(self._checkpoint_tick)
            except (ArangoError, OSError):
                # A full or failing disk: nothing is lost, the log stays longer; the next round tries again.
                continue

    async def _define(self, draft: Draft) -> None:
        """Log a definition, let it take effect, and make it durable."""
        tick = self.log.append([draft])
        self._catalog.apply(_as_record(draft, tick), tick)
        await self.log.synced(tick)

    async def _change(self, collection: Collection, kind: Type, data: Mapping[str, Any]) -> None:
        await self._define(Draft(kind, collection.database_id, collection.id, body=_encode(data)))

    def _check_exists(self, collection: Collection) -> None:
        if collection.is_dropped:
            raise ArangoError(1203, f"collection or view not found: {collection.name}")

    def _check_free(self, database: Database, name: str) -> None:
        if database.is_dropped:
            raise ArangoError(1228, "database not found")
        if database.find(name) is not None:
            raise ArangoError(1207, f"duplicate name: collection '{name}' exists")


async def _server_id(world: World) -> str:
    """The id in the file SERVER, made at the first start."""
    if not world.disk.exists(_SERVER_FILE):
        number = world.random.getrandbits(48) | 1 << 47
        await world.disk.replace(_SERVER_FILE, _encode({"serverId": str(number)}))
    file = world.disk.open(_SERVER_FILE)
    content = file.read(0, file.size)
    file.close()
    try:
        return msgspec.json.decode(content, type=dict[str, str])["serverId"]
    except (msgspec.DecodeError, KeyError):
        raise CorruptStorage(f"{_SERVER_FILE} holds no serverId: restore it from a backup") from None


def _named(number: int, name: str) -> bytes:
    return _encode({"database": str(number), "id": str(number), "name": name})


def _as_record(draft: Draft, tick: int) -> Record:
    return Record(
        tick, draft.type, draft.database, draft.collection, 0, draft.key, draft.revision, draft.body
    )
