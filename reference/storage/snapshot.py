"""A consistent view of everything at one tick, for dumps, cursors and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from reference.storage.catalog import Catalog
from reference.storage.collection import Collection
from reference.storage.table import Table


class Document(msgspec.Struct, frozen=True, gc=False):
    """A stored document: `body` is its JSON with `_key`, `_id`, `_rev` first."""

    key: str
    revision: int
    body: bytes


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A collection as it was: its definition and indexes at the snapshot's tick."""

    collection: Collection
    definition: dict[str, Any]
    indexes: tuple[dict[str, Any], ...]


class Snapshot:
    """Everything at `tick`. Release it, or old versions are kept for ever."""

    __slots__ = ("_catalog", "_collections", "_databases", "_released", "tick")

    def __init__(self, catalog: Catalog, tick: int) -> None:
        self.tick = tick
        self._catalog = catalog
        self._released = False
        catalog.live.pin(tick)
        self._databases = {database.name: database.id for database in catalog.databases.values()}
        self._collections = [
            CollectionView(c, c.definition(), c.indexes)
            for database in catalog.databases.values()
            for c in database.collections()
        ]

    def databases(self) -> dict[str, int]:
        """Name -> id."""
        return dict(self._databases)

    def collections(self, database_id: int) -> list[CollectionView]:
        """Collections of a database in order of creation."""
        return [view for view in self._collections if view.collection.database_id == database_id]

    def count(self, collection: Collection) -> int:
        """Number of documents."""
        return sum(1 for _ in self.documents(collection))

    def get(self, collection: Collection, key: str) -> Document | None:
        """One document, or None."""
        return document_at(collection.table, key, self.tick)

    def documents(self, collection: Collection) -> Iterator[Document]:
        """All documents in an order that stays the same; may be consumed in pieces while writes go on."""
        assert not self._released, "a released snapshot has forgotten what it saw"
        for key in collection.table.all_keys():
            document = document_at(collection.table, key, self.tick)
            if document is not None:
                yield document

    def release(self) -> None:
        """Let go; idempotent."""
        if not self._released:
            self._released = True
            release(self._catalog, self.tick)


def document_at(table: Table, key: str, tick: int) -> Document | None:
    """The document as visible at `tick`."""
    version = table.at(key, tick)
    if version is None or version.body is None:
        return None
    return Document(key, version.revision, version.body)


def release(catalog: Catalog, tick: int) -> None:
    """Unpin a tick.

    Versions are collected when the oldest reader goes, so a long one costs the short ones nothing.
    """
    if catalog.live.unpin(tick):
        catalog.prune()
