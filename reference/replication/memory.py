"""Memory: what an applier must know after a restart, and where it is kept.

The configuration is a small file, replaced as a whole. The tick is a document of the system collection
`_replication`, which never leaves its server: as a document it can be written in the very transaction that
writes the data, so after any crash the tick says exactly what the data contain.
"""

from __future__ import annotations

import msgspec

from reference.errors import ArangoError
from reference.replication.configuration import ApplierConfiguration
from reference.replication.state import SavedState
from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.engine import Engine
from reference.storage.transaction import Transaction

_COLLECTION = "_replication"
_KEY = "applier"


class Memory:
    """The lasting part of one database's applier."""

    def __init__(self, engine: Engine, database: Database, key: str = _KEY) -> None:
        """`key` tells apart what several appliers keep in one database."""
        self._key = key
        self._engine = engine
        self._database = database
        self._disk = engine.world.disk
        self._file = f"replication/applier-{database.id}.json"

    def configuration(self) -> ApplierConfiguration | None:
        """The stored configuration, secrets included; None if there is none."""
        if not self._disk.exists(self._file):
            return None
        file = self._disk.open(self._file)
        try:
            return msgspec.json.decode(file.read(0, file.size), type=ApplierConfiguration)
        finally:
            file.close()

    async def store_configuration(self, configuration: ApplierConfiguration) -> None:
        """Keep a configuration."""
        await self._disk.replace(self._file, msgspec.json.encode(configuration))

    async def drop_configuration(self) -> None:
        """Forget the configuration."""
        await self._disk.remove(self._file)

    async def saved(self) -> SavedState | None:
        """The stored tick; None if there is none."""
        collection = self._database.find(_COLLECTION)
        if collection is None:
            return None
        with await self._engine.transactions.auto(self._database) as transaction:
            try:
                body = documents.read(transaction, collection, self._key).body
            except ArangoError as error:
                if error.number != 1202:
                    raise
                return None
        return msgspec.json.decode(body, type=SavedState)

    async def collection(self) -> Collection:
        """The collection that the tick is written to; made at first use."""
        found = self._database.find(_COLLECTION)
        if found is not None:
            return found
        return await self._engine.create_collection(self._database, _COLLECTION, is_system=True)

    def write(self, transaction: Transaction, collection: Collection, state: SavedState) -> None:
        """Put the tick into a transaction that also has the data."""
        document = {"_key": self._key, **msgspec.to_builtins(state)}
        documents.insert(transaction, collection, document, overwrite_mode="replace")

    async def save(self, state: SavedState) -> None:
        """Keep the tick by itself."""
        collection = await self.collection()
        with await self._engine.transactions.auto(self._database, collection) as transaction:
            self.write(transaction, collection, state)
            await transaction.commit()

    async def forget(self) -> None:
        """Drop the stored tick; returns when that is durable."""
        collection = self._database.find(_COLLECTION)
        if collection is not None:
            await self._engine.truncate(collection)
