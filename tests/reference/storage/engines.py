"""Engines on a memory disk, for tests."""

from __future__ import annotations

from typing import Any

import msgspec

from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.engine import Engine
from reference.storage.settings import StorageOptions
from tests.reference.storage.memory_disk import ManualClock, MemoryDisk, memory_world


async def open_engine(
    disk: MemoryDisk | None = None, clock: ManualClock | None = None, options: StorageOptions | None = None
) -> Engine:
    return await Engine.open(memory_world(disk, clock), options)


async def put(engine: Engine, collection: Collection, key: str, value: Any, *, sync: bool = False) -> None:
    database = engine.database("_system")
    with await engine.transactions.auto(database, collection) as transaction:
        document = {"_key": key, "value": value}
        documents.insert(transaction, collection, document, overwrite_mode="replace")
        await transaction.commit(wait_for_sync=sync)


def contents(collection: Collection) -> dict[str, Any]:
    found = {}
    for key in collection.table.all_keys():
        version = collection.table.newest(key)
        if version is not None and version.body is not None:
            found[key] = msgspec.json.decode(version.body)["value"]
    return found
