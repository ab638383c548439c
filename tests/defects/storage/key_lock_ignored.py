"""A key that another transaction is writing is no obstacle: the second writer does not see the first."""

from __future__ import annotations

from reference.errors import ArangoError
from reference.storage.collection import Collection
from reference.storage.transaction import Transaction, write_conflict
from tests.defects.defect import Defect


def _lock(self: Transaction, collection: Collection, key: str) -> None:
    if collection not in self._writable:
        raise ArangoError(1652, f"collection not registered with transaction: {collection.name} [write]")
    newest = collection.table.newest(key)
    if self.tick is not None and newest is not None and newest.tick > self.tick:
        raise write_conflict(collection, key)


DEFECT = Defect(
    id="key-lock-ignored",
    clause="S-LINEARIZABLE",
    anomaly="lost-update",
    replaces="reference.storage.transaction:Transaction.lock",
    replacement=_lock,
    oracle="client",
    topology="single",
    workloads=("register",),
    mirrors="https://github.com/arangodb/arangodb/issues/9702 (write-write conflicts)",
)
