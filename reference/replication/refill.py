"""Refill: the leader's documents put in, and documents that it does not have taken out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.engine import Engine
from reference.storage.transaction import Transaction

_GROUP = 500
_UNLIMITED_BYTES = 1 << 40


class Refill:
    """Writes of one sync, and how many there were."""

    def __init__(self, engine: Engine, database: Database, applying: asyncio.Lock) -> None:
        self.engine = engine
        self._database = database
        self._applying = applying
        self.documents = 0
        self.removals = 0

    async def put(self, collection: Collection, found: Iterable[dict[str, Any]]) -> None:
        """Store the leader's documents as they are, `_rev` included."""
        rest = iter(found)
        while group := list(islice(rest, _GROUP)):
            newest = 0
            async with self._applying, self._transaction(collection) as transaction:
                for document in group:
                    newest = max(newest, documents.apply_put(transaction, collection, document).revision)
            await self.engine.clock.observe(newest)
            self.documents += len(group)

    async def remove(self, collection: Collection, keys: Sequence[str]) -> None:
        """Remove documents that the leader does not have."""
        for start in range(0, len(keys), _GROUP):
            group = keys[start : start + _GROUP]
            async with self._applying, self._transaction(collection) as transaction:
                for key in group:
                    documents.apply_remove(transaction, collection, key, self.engine.clock.next())
            self.removals += len(group)

    @asynccontextmanager
    async def _transaction(self, collection: Collection) -> AsyncIterator[Transaction]:
        transaction = await self.engine.transactions.begin(
            self._database, write=[collection], max_bytes=_UNLIMITED_BYTES
        )
        try:
            yield transaction
            await transaction.commit()
        finally:
            transaction.abort()  # no effect once committed
        await self.engine.world.clock.sleep(0)
