"""A transaction goes into the log record by record, without begin and commit around it."""

from __future__ import annotations

from reference.storage.transaction import Transaction
from tests.defects.defect import Defect


def _append(self: Transaction) -> int:
    return [self._owner.log.append([draft]) for draft in self._drafts][-1]


DEFECT = Defect(
    id="transaction-in-pieces",
    clause="S-ATOMIC",
    anomaly="fractured-read",
    replaces="reference.storage.transaction:Transaction._append",
    replacement=_append,
    oracle="client",
    faults=("power",),
    workloads=("leader_follower",),
    mirrors="https://github.com/arangodb/arangodb/issues/9702 (part of a commit is there)",
)
