"""Initial sync: make a database equal to the leader's at one tick, whatever was in it (LF-SYNC-OVERWRITES).

First everything is asked that can be refused: who the leader is, a batch (its snapshot at tick T), the
inventory. Up to there nothing has changed here, so a wrong password or the wrong server costs nothing
(LF-AUTH). Then, collection by collection in the inventory's order: drop what the leader does not have, make
what is missing, bring in the documents, then the indexes. Tailing from T afterwards loses and repeats
nothing, because the snapshot has exactly what the log up to T did (LF-SYNC-TICK).

Not incremental: a collection is dropped and refilled by `dump`. Incremental: only differing documents are
moved (`incremental`). System collections are always done the second way: a server without its `_users`, be
it for a moment, would refuse its clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from reference.errors import ArangoError
from reference.replication import definitions
from reference.replication.configuration import ApplierConfiguration
from reference.replication.entries import checked_document
from reference.replication.handshake import greet
from reference.replication.incremental import refill_differing
from reference.replication.leader import Leader, sense
from reference.replication.refill import Refill
from reference.replication.scope import Scope
from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.engine import Engine

BATCH_TTL_S = 300.0
DUMP_BYTES = 1 << 20
_line = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did. Tailing starts at `last_log_tick`; `collections` are (leader's id, name)."""

    leader_id: str
    last_log_tick: int
    collections: tuple[tuple[str, str], ...]
    documents: int
    removals: int

    def sentence(self) -> str:
        """For the log and the applier's progress."""
        return (
            f"synchronized {len(self.collections)} collections up to tick {self.last_log_tick}: "
            f"{self.documents} documents received, {self.removals} removed"
        )


@dataclass(frozen=True, slots=True)
class _Described:
    """A collection of the leader's inventory."""

    id: str
    guid: str
    name: str
    parameters: dict[str, Any]
    indexes: list[dict[str, Any]]

    @classmethod
    def read(cls, described: dict[str, Any]) -> _Described:
        parameters = described["parameters"]
        number, guid, name = str(parameters["id"]), parameters["globallyUniqueId"], parameters["name"]
        return cls(number, guid, name, parameters, described["indexes"])


@dataclass(slots=True)
class _Prepared:
    batch: str
    leader_id: str
    tick: int
    collections: list[_Described]
    extended_ns: int = 0
    done: list[tuple[str, str]] = field(default_factory=list)


class InitialSync:
    """One sync of one database: `prepare`, then `run`, and `end` in any case."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        configuration: ApplierConfiguration,
        *,
        applying: asyncio.Lock,
        progress: Callable[[str], None],
    ) -> None:
        """`applying` is held while data change, so whoever holds it may cancel this task."""
        self._engine = engine
        self._clock = engine.world.clock
        self._database = database
        self._configuration = configuration
        self._scope = Scope.of(configuration)
        self._leader = Leader(engine.world.network, configuration, engine.server_id, str(database.id))
        self._refill = Refill(engine, database, applying)
        self._applying = applying
        self._progress = progress
        self._prepared: _Prepared | None = None

    async def prepare(self) -> None:
        """Ask the leader for all that it could refuse; changes nothing here."""
        self._progress("fetching leader state information")
        leader_id = await greet(self._leader)
        batch = await self._leader.start_batch(BATCH_TTL_S)
        with sense(self._leader.endpoint, "the batch"):
            number, tick = str(batch["id"]), int(batch["lastTick"])
        self.adopt(leader_id, number, tick, [])
        self._progress("fetching leader inventory")
        query = {
            "batchId": number,
            "includeSystem": _flag(self._configuration.include_system),
            "includeFoxxQueues": _flag(self._configuration.include_foxx_queues),
        }
        inventory = await self._leader.json("/_api/replication/inventory", query)
        with sense(self._leader.endpoint, "the inventory"):
            self.adopt(leader_id, number, tick, inventory["collections"])

    def adopt(self, leader_id: str, batch: str, tick: int, inventory: list[dict[str, Any]]) -> None:
        """Take what somebody else has asked the leader: `prepare` for a batch that is already there.

        Raises KeyError or TypeError if `inventory` does not describe collections.
        """
        found = [_Described.read(described) for described in inventory]
        wanted = [described for described in found if described.name in self._scope]
        self._prepared = _Prepared(batch, leader_id, tick, wanted, self._clock.monotonic_ns())

    async def run(self) -> SyncResult:
        """Replace the data here by the leader's; raises ArangoError, and then the data are a mixture."""
        prepared = self._prepared
        assert prepared is not None, "prepare comes first"
        await self._drop_others(prepared)
        for described in prepared.collections:
            await self._collection(prepared, described)
        result = SyncResult(
            prepared.leader_id,
            prepared.tick,
            tuple(prepared.done),
            self._refill.documents,
            self._refill.removals,
        )
        self._progress(result.sentence())
        return result

    async def end(self) -> None:
        """Let the leader's snapshot go."""
        if self._prepared is not None:
            number, self._prepared = self._prepared.batch, None
            try:
                await self._leader.end_batch(number)
            except ArangoError as error:
                self._progress(f"batch {number} is left to expire: {error.message}")

    async def _drop_others(self, prepared: _Prepared) -> None:
        """Drop what the leader does not have, and what stands where another of its collections belongs."""
        theirs = {described.guid: described.name for described in prepared.collections}
        taken = set(theirs.values())
        for collection in self._database.collections():
            name = collection.name
            if name.startswith("_") or name not in self._scope or theirs.get(collection.guid) == name:
                continue
            if collection.guid not in theirs or name in taken:
                await self._drop(collection)

    async def _collection(self, prepared: _Prepared, described: _Described) -> None:
        self._progress(f"syncing data for collection '{described.name}'")
        collection, is_new = await self._counterpart(described)
        if is_new:
            await self._dump(prepared, collection)
        else:
            query = {"collection": described.name, "batchId": prepared.batch}
            await refill_differing(self._leader, query, self._refill, collection, self._stay_alive)
        async with self._applying:
            await definitions.equal_indexes(self._engine, collection, described.indexes)
        prepared.done.append((described.id, described.name))

    async def _counterpart(self, described: _Described) -> tuple[Collection, bool]:
        """Our copy, and whether it is a new, empty one."""
        collection = definitions.counterpart(self._database, described.guid, described.name)
        if collection is not None and not self._is_kept(described):
            await self._drop(collection)
            collection = None
        async with self._applying:
            if collection is None:
                return await definitions.create(self._engine, self._database, described.parameters), True
            if collection.name != described.name:
                await self._engine.rename_collection(collection, described.name)
            await definitions.change(self._engine, collection, described.parameters)
        return collection, False

    def _is_kept(self, described: _Described) -> bool:
        return self._configuration.incremental or described.name.startswith("_")

    async def _dump(self, prepared: _Prepared, collection: Collection) -> None:
        query = {
            "collection": collection.name,
            "batchId": prepared.batch,
            "chunkSize": self._configuration.chunk_size or DUMP_BYTES,
            "useEnvelope": "false",
        }
        more, piece = True, 0
        while more:
            piece += 1
            response = await self._leader.get("/_api/replication/dump", {**query, "piece": piece})
            more = response.headers.get("x-arango-replication-checkmore") == "true"
            with sense(self._leader.endpoint, "the dump"):
                found = [checked_document(_line(line)) for line in response.body.splitlines()]
            await self._refill.put(collection, found)
            await self._stay_alive()

    async def _drop(self, collection: Collection) -> None:
        async with self._applying:
            await self._engine.drop_collection(collection)

    async def _stay_alive(self) -> None:
        """Tell the leader now and then that the batch is still in use."""
        prepared = self._prepared
        assert prepared is not None
        now_ns = self._clock.monotonic_ns()
        if now_ns - prepared.extended_ns > BATCH_TTL_S / 4 * 1e9:
            prepared.extended_ns = now_ns
            await self._leader.extend_batch(prepared.batch, BATCH_TTL_S)


def _flag(value: bool) -> str:
    return "true" if value else "false"
