"""What exists: databases and collections. Records change it, the same way while running and in recovery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from reference.errors import ArangoError
from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.record import BEGIN, COMMIT, PUT, REMOVE, Record, Type
from reference.storage.table import LiveTicks

_decode = msgspec.json.Decoder().decode


class CollectionIdentity(msgspec.Struct, frozen=True, tag="collection"):
    """What the log's readers need to know of a collection, also of one dropped since."""

    id: int
    database_id: int
    guid: str
    name: str
    dropped_tick: int | None = None

    @property
    def is_dropped(self) -> bool:
        """Whether it is gone."""
        return self.dropped_tick is not None


class DatabaseIdentity(msgspec.Struct, frozen=True, tag="database"):
    """A database, also one dropped since."""

    id: int
    name: str
    dropped_tick: int | None = None


_decode_identity = msgspec.json.Decoder(CollectionIdentity | DatabaseIdentity).decode


class Catalog:
    """Databases by name, collections by id, and the identities of what is gone."""

    def __init__(self, live: LiveTicks) -> None:
        self.live = live
        self.databases: dict[str, Database] = {}
        self.collections: dict[int, Collection] = {}
        self.known_databases: dict[int, DatabaseIdentity] = {}
        self.known_collections: dict[int, CollectionIdentity] = {}

    def database(self, name: str) -> Database:
        """By name; raises ArangoError 1228."""
        found = self.databases.get(name)
        if found is None:
            raise ArangoError(1228, "database not found")
        return found

    def apply_unit(self, unit: Sequence[Record]) -> None:
        """Apply one record or one transaction, at the tick of its last record."""
        if len(unit) == 1:
            self.apply(unit[0], unit[0].tick)
            return
        for record in unit:
            self.apply(record, unit[-1].tick)

    def apply(self, record: Record, tick: int) -> None:
        """Apply one record as of `tick`."""
        kind = record.type
        if kind in (PUT, REMOVE):  # a tuple, not a set: seen for every record
            collection = self.collections[record.collection]
            write(collection, record.key, tick, record.revision, record.body if kind == PUT else None)
        elif kind not in {BEGIN, COMMIT}:
            self._define(record, tick)

    def remember(self, identity: bytes) -> None:
        """Know what was dropped before the checkpoint; `identity` is the JSON of one of the identities."""
        gone = _decode_identity(identity)
        if isinstance(gone, CollectionIdentity):
            self.known_collections[gone.id] = gone
        else:
            self.known_databases[gone.id] = gone

    def prune(self) -> None:
        """Drop versions that no snapshot needs any more."""
        for collection in self.collections.values():
            collection.table.prune()

    def _define(self, record: Record, tick: int) -> None:
        data: Any = _decode(record.body) if record.body else {}
        if record.type == Type.CREATE_DATABASE:
            self._create_database(record.database, data["name"])
        elif record.type == Type.DROP_DATABASE:
            self._drop_database(record.database, tick)
        elif record.type == Type.CREATE_COLLECTION:
            self._create_collection(record, data)
        else:
            self._alter(self.collections[record.collection], record, data, tick)

    def _create_database(self, database_id: int, name: str) -> None:
        self.databases[name] = Database(database_id, name)
        self.known_databases[database_id] = DatabaseIdentity(database_id, name)

    def _drop_database(self, database_id: int, tick: int) -> None:
        identity = self.known_databases[database_id]
        database = self.databases.pop(identity.name)
        database.is_dropped = True
        for collection in database.collections():
            self._drop_collection(database, collection, tick)
        self.known_databases[database_id] = msgspec.structs.replace(identity, dropped_tick=tick)

    def _create_collection(self, record: Record, definition: dict[str, Any]) -> None:
        collection = Collection(record.database, definition, self.live)
        collection.revision = record.revision
        self.collections[collection.id] = collection
        self._database_of(collection).add(collection)
        self._know(collection)

    def _know(self, collection: Collection) -> None:
        self.known_collections[collection.id] = CollectionIdentity(
            collection.id, collection.database_id, collection.guid, collection.name
        )

    def _drop_collection(self, database: Database, collection: Collection, tick: int) -> None:
        database.discard(collection)
        del self.collections[collection.id]
        identity = self.known_collections[collection.id]
        self.known_collections[collection.id] = msgspec.structs.replace(identity, dropped_tick=tick)

    def _alter(self, collection: Collection, record: Record, data: Any, tick: int) -> None:
        match record.type:
            case Type.DROP_COLLECTION:
                self._drop_collection(self._database_of(collection), collection, tick)
            case Type.RENAME_COLLECTION:
                self._database_of(collection).rename(collection, data["name"])
                self._know(collection)
            case Type.CHANGE_COLLECTION:
                collection.change(data)
            case Type.TRUNCATE:
                collection.table.clear(tick, record.revision)
                collection.revision = max(collection.revision, record.revision)
            case Type.CREATE_INDEX:
                collection.indexes = (*collection.indexes, data)
            case Type.DROP_INDEX:
                collection.indexes = tuple(i for i in collection.indexes if i["id"] != data["id"])
            case _:
                raise AssertionError(f"record type {record.type} at tick {record.tick} is unknown")

    def _database_of(self, collection: Collection) -> Database:
        return self.databases[self.known_databases[collection.database_id].name]


def write(collection: Collection, key: str, tick: int, revision: int, body: bytes | None) -> None:
    """Let one committed document become visible."""
    collection.table.write(key, tick, revision, body)
    if revision > collection.revision:  # noqa: PLR1730 - seen for every write: a third of the cost of max()
        collection.revision = revision
    if body is not None and collection.keys.is_counting:
        collection.keys.note(key)
