"""A collection: what it is called, what was decreed about it, and its documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from reference.errors import ArangoError
from reference.storage.keys import Keys
from reference.storage.locks import CollectionLock
from reference.storage.table import LiveTicks, Table

if TYPE_CHECKING:
    from reference.storage.transaction import Transaction

DOCUMENTS = 2
EDGES = 3

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,255}")
_OWN = frozenset(
    (
        *("id", "cid", "planId", "globallyUniqueId", "name", "type", "isSystem", "waitForSync"),
        *("keyOptions", "allowUserKeys", "status", "statusString", "deleted", "version", "error", "code"),
    )
)


class Collection:
    """One collection. Change it through the engine only.

    `kind` is 2 (documents) or 3 (edges). `properties` holds what storage itself has no use for (schema,
    cacheEnabled, ...), as given. `indexes` are the definitions of secondary indexes, each with its `id`
    (decimal text, no collection name); their uniqueness is recorded, not enforced.
    """

    __slots__ = (
        *("id", "guid", "database_id", "name", "kind", "is_system", "is_dropped", "wait_for_sync"),
        *("key_options", "properties", "indexes", "table", "keys", "lock", "key_locks", "revision"),
    )

    def __init__(self, database_id: int, definition: Mapping[str, Any], live: LiveTicks) -> None:
        self.database_id = database_id
        self.id = int(definition["id"])
        self.guid: str = definition["globallyUniqueId"]
        self.name: str = definition["name"]
        self.kind: int = definition["type"]
        self.is_system: bool = definition["isSystem"]
        self.wait_for_sync: bool = definition["waitForSync"]
        self.key_options: dict[str, Any] = definition["keyOptions"]
        self.properties = {name: value for name, value in definition.items() if name not in _OWN}
        self.indexes: tuple[dict[str, Any], ...] = ()
        self.is_dropped = False
        self.table = Table(live)
        self.keys = Keys(self.key_options)
        self.lock = CollectionLock()
        self.key_locks: dict[str, Transaction] = {}
        self.revision = 0
        """Revision of the newest change; 0 if there was none."""

    def definition(self) -> dict[str, Any]:
        """The `parameters` of inventories and of record 2000 (ids as decimal strings)."""
        return {
            "id": str(self.id),
            "cid": str(self.id),
            "planId": str(self.id),
            "globallyUniqueId": self.guid,
            "name": self.name,
            "type": self.kind,
            "isSystem": self.is_system,
            "waitForSync": self.wait_for_sync,
            "keyOptions": {**self.key_options, "lastValue": self.keys.last_value},
            "allowUserKeys": self.keys.allow_user_keys,
            "status": 3,
            "statusString": "loaded",
            "deleted": False,
            "version": 8,
            **self.properties,
        }

    def change(self, definition: Mapping[str, Any]) -> None:
        """Take over what may change after creation."""
        self.wait_for_sync = definition["waitForSync"]
        self.properties = {name: value for name, value in definition.items() if name not in _OWN}

    def rename(self, name: str) -> None:
        """Take another name: every `_id` changes with it."""
        old_name, self.name = self.name, name
        for key in self.table.all_keys():
            version = self.table.newest(key)
            old = f'{{"_key":"{key}","_id":"{old_name}/'.encode()
            # In recovery, a body from a checkpoint may have the new spelling already.
            if version is not None and version.body is not None and version.body.startswith(old):
                new = f'{{"_key":"{key}","_id":"{name}/'.encode()
                self.table.rewrite(key, new + version.body[len(old) :])

    @property
    def count(self) -> int:
        """Number of documents visible now."""
        return self.table.count

    def checksum(self, *, with_revisions: bool = False, with_data: bool = False) -> int:
        """64-bit sum of a hash per document, so order does not matter; 0 when empty."""
        total = 0
        for key in self.table.all_keys():
            version = self.table.newest(key)
            if version is None or version.body is None:
                continue
            digest = blake2b(key.encode(), digest_size=8)
            if with_revisions:
                digest.update(version.revision.to_bytes(8, "big"))
            if with_data:
                # The members after `_rev`, which is spelled in quotes and without escapes.
                digest.update(version.body[version.body.index(b'"', version.body.index(b'"_rev":"') + 8) :])
            total += int.from_bytes(digest.digest(), "big")
        return total & 0xFFFFFFFFFFFFFFFF


def check_name(name: object, *, is_system: bool) -> str:
    """The name if a collection may have it; raises ArangoError 1208."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or (name[0] == "_" and not is_system):
        raise ArangoError(1208, f"illegal name: {name!r} is no collection name")
    return name
