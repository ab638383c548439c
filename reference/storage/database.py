"""A database: a name, an id, and its collections."""

from __future__ import annotations

import re

from reference.errors import ArangoError
from reference.storage.collection import Collection

SYSTEM_ID = 1
SYSTEM_NAME = "_system"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Database:
    """One database. `id` 1 is `_system`. Change it through the engine only."""

    __slots__ = ("_by_id", "_by_name", "id", "is_dropped", "name")

    def __init__(self, database_id: int, name: str) -> None:
        self.id = database_id
        self.name = name
        self.is_dropped = False
        self._by_id: dict[int, Collection] = {}
        self._by_name: dict[str, Collection] = {}

    @property
    def is_system(self) -> bool:
        """Whether this is `_system`."""
        return self.id == SYSTEM_ID

    def collections(self) -> list[Collection]:
        """All collections in order of creation."""
        return list(self._by_id.values())

    def collection(self, name: str) -> Collection:
        """By name or decimal id; raises ArangoError 1203."""
        found = self._by_name.get(name) or self.find(name)
        if found is None:
            raise ArangoError(1203, f"collection or view not found: {name}")
        return found

    def find(self, name: str) -> Collection | None:
        """By name or decimal id; None if there is none."""
        found = self._by_name.get(name)
        if found is None and name.isascii() and name.isdecimal():
            return self._by_id.get(int(name))
        return found

    def by_guid(self, guid: str) -> Collection | None:
        """By globallyUniqueId; None if there is none."""
        return next((c for c in self._by_id.values() if c.guid == guid), None)

    def add(self, collection: Collection) -> None:
        """Take in a new collection."""
        self._by_id[collection.id] = collection
        self._by_name[collection.name] = collection

    def discard(self, collection: Collection) -> None:
        """Let a dropped collection go."""
        collection.is_dropped = True
        del self._by_id[collection.id]
        del self._by_name[collection.name]

    def rename(self, collection: Collection, name: str) -> None:
        """Keep a collection under another name."""
        del self._by_name[collection.name]
        collection.rename(name)
        self._by_name[name] = collection


def check_database_name(name: object) -> str:
    """The name if a database may have it; raises ArangoError 1229."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ArangoError(1229, f"database name invalid: {name!r}")
    return name
