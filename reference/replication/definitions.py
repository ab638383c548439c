"""Definitions: collections and indexes as the leader describes them, made so here.

A collection is the same on both sides if its globallyUniqueId is; its id is each server's own. System
collections are the exception: every server makes its own, so there the name counts (a follower must not
lose its `_users` because the leader's has another id).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.engine import Engine

# What a definition says about the leader's own copy, or what storage is told in other words.
_NOT_PROPERTIES = frozenset(
    (
        *("id", "cid", "planId", "objectId", "tempObjectId", "version", "deleted", "allowUserKeys", "status"),
        *(
            "statusString",
            "count",
            "globallyUniqueId",
            "name",
            "type",
            "isSystem",
            "waitForSync",
            "keyOptions",
        ),
        "indexes",
    )
)


def counterpart(database: Database, guid: str, name: str) -> Collection | None:
    """Our copy of the leader's collection; None if there is none."""
    found = database.by_guid(guid)
    return found if found is not None or not name.startswith("_") else database.find(name)


def properties(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a definition that storage keeps as it is."""
    return {name: value for name, value in definition.items() if name not in _NOT_PROPERTIES}


async def create(engine: Engine, database: Database, definition: Mapping[str, Any]) -> Collection:
    """Create our copy of a collection."""
    return await engine.create_collection(
        database,
        definition["name"],
        kind=definition.get("type", 2),
        is_system=definition.get("isSystem", False),
        wait_for_sync=definition.get("waitForSync", False),
        key_options=definition.get("keyOptions"),
        properties=properties(definition),
        guid=definition.get("globallyUniqueId"),
    )


async def change(engine: Engine, collection: Collection, definition: Mapping[str, Any]) -> None:
    """Give our copy the leader's properties."""
    wait_for_sync = definition.get("waitForSync")
    changed = {
        name: value
        for name, value in properties(definition).items()
        if collection.properties.get(name, _ABSENT) != value
    }
    if changed or wait_for_sync not in (None, collection.wait_for_sync):
        await engine.change_collection(collection, wait_for_sync=wait_for_sync, properties=changed)


async def equal_indexes(engine: Engine, collection: Collection, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Make our copy's indexes the leader's."""
    ids = {index["id"] for index in wanted}
    for index in collection.indexes:
        if index["id"] not in ids:
            await engine.drop_index(collection, index["id"])
    present = {index["id"] for index in collection.indexes}
    for definition in wanted:
        if definition["id"] not in present:
            await engine.create_index(collection, definition)


_ABSENT = object()
