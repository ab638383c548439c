"""A transaction overwrites what was committed after it began: the other's update is lost."""

from __future__ import annotations

from reference.errors import ArangoError
from reference.storage.collection import Collection
from reference.storage.transaction import Transaction, write_conflict
from tests.defects.defect import Defect


def _lock(self: Transaction, collection: Collection, key: str) -> None:
    if collection not in self._writable:
        raise ArangoError(1652, f"collection not registered with transaction: {collection.name} [write]")
    holder = collection.key_locks.get(key)
    if holder is None:
        collection.key_locks[key] = self
        self._locked.append((collection, key))
    elif holder is not self:
        raise write_conflict(collection, key)


DEFECT = Defect(
    id="snapshot-conflict-ignored",
    clause="S-ISOLATION",
    anomaly="lost-update",
    replaces="reference.storage.transaction:Transaction.lock",
    replacement=_lock,
    oracle="http",
    topology="single",
    needs=("stream transactions that read before they write",),
    mirrors="https://github.com/arangodb/arangodb/issues/10138 (lost update)",
)
