"""GlobalSync: make a whole server equal to the leader's at one tick, moving only what differs.

As the sync of one database, but with one batch for all: what is copied is one moment of the whole leader.
Databases that the leader does not have are dropped, missing ones are made, then each is synchronized
incrementally, `_system` first: with it come the users.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from reference.errors import ArangoError
from reference.replication.configuration import ApplierConfiguration
from reference.replication.handshake import greet
from reference.replication.initial_sync import BATCH_TTL_S, InitialSync, SyncResult
from reference.replication.leader import Leader, sense
from reference.storage.database import SYSTEM_NAME
from reference.storage.engine import Engine

GLOBAL_SYNCER = "global"


@dataclass(frozen=True, slots=True)
class _Prepared:
    batch: str
    leader_id: str
    tick: int
    databases: dict[str, list[dict[str, Any]]]


class GlobalSync:
    """One sync of a whole server: `prepare`, then `run`, and `end` in any case."""

    def __init__(
        self,
        engine: Engine,
        configuration: ApplierConfiguration,
        *,
        applying: asyncio.Lock,
        progress: Callable[[str], None],
    ) -> None:
        """`applying` is held while data change, so whoever holds it may cancel this task."""
        self._engine = engine
        self._configuration = configuration
        self._applying = applying
        self._progress = progress
        self._leader = Leader(engine.world.network, configuration, engine.server_id, GLOBAL_SYNCER)
        self._prepared: _Prepared | None = None

    async def prepare(self) -> str:
        """Ask the leader for all that it could refuse; changes nothing here. Its serverId."""
        leader_id = await greet(self._leader)
        batch = await self._leader.start_batch(BATCH_TTL_S)
        with sense(self._leader.endpoint, "the batch"):
            number, tick = str(batch["id"]), int(batch["lastTick"])
        self._prepared = _Prepared(number, leader_id, tick, {})
        query = {"batchId": number, "includeSystem": "true", "includeFoxxQueues": "true", "global": "true"}
        inventory = await self._leader.json("/_api/replication/inventory", query)
        with sense(self._leader.endpoint, "the inventory"):
            found = {name: described["collections"] for name, described in inventory["databases"].items()}
        self._prepared = _Prepared(number, leader_id, tick, found)
        return leader_id

    async def run(self, after_database: Callable[[], Awaitable[None]]) -> SyncResult:
        """Replace the data here by the leader's; raises ArangoError, and then the data are a mixture."""
        prepared = self._prepared
        assert prepared is not None, "prepare comes first"
        await self._equal_databases(prepared)
        collections: list[tuple[str, str]] = []
        documents = removals = 0
        for name in sorted(prepared.databases, key=lambda name: (name != SYSTEM_NAME, name)):
            result = await self._database(prepared, name)
            collections += [(number, f"{name}/{collection}") for number, collection in result.collections]
            documents, removals = documents + result.documents, removals + result.removals
            await after_database()
        whole = SyncResult(prepared.leader_id, prepared.tick, tuple(collections), documents, removals)
        self._progress(whole.sentence())
        return whole

    async def end(self) -> None:
        """Let the leader's snapshot go."""
        if self._prepared is not None:
            number, self._prepared = self._prepared.batch, None
            try:
                await self._leader.end_batch(number)
            except ArangoError as error:
                self._progress(f"batch {number} is left to expire: {error.message}")

    async def _equal_databases(self, prepared: _Prepared) -> None:
        here = [database.name for database in self._engine.databases()]
        for name in here:
            if name not in prepared.databases and name != SYSTEM_NAME:
                async with self._applying:
                    await self._engine.drop_database(name)
        for name in prepared.databases:
            if name not in here:
                async with self._applying:
                    await self._engine.create_database(name)

    async def _database(self, prepared: _Prepared, name: str) -> SyncResult:
        self._progress(f"syncing database '{name}'")
        configuration = msgspec.structs.replace(self._configuration, database=name)
        database = self._engine.database(name)
        sync = InitialSync(
            self._engine, database, configuration, applying=self._applying, progress=self._progress
        )
        with sense(self._leader.endpoint, "the inventory"):
            sync.adopt(prepared.leader_id, prepared.batch, prepared.tick, prepared.databases[name])
        return await sync.run()
