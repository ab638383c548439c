"""A commit lets go of its keys before it is visible: the next writer does not see it."""

from __future__ import annotations

from reference.storage.transaction import Transaction
from tests.defects.defect import Defect

_append_rightly = Transaction._append


def _append(self: Transaction) -> int:
    tick = _append_rightly(self)
    for collection, key in self._locked:
        del collection.key_locks[key]
    self._locked = []
    return tick


DEFECT = Defect(
    id="locks-released-early",
    clause="S-LINEARIZABLE",
    anomaly="lost-update",
    replaces="reference.storage.transaction:Transaction._append",
    replacement=_append,
    oracle="client",
    topology="single",
    workloads=("register",),
    needs=("a slow disk makes it likely",),
    mirrors="https://github.com/arangodb/arangodb/issues/9702 (write-write conflicts)",
)
