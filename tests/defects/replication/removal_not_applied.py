"""A follower passes over removals."""

from __future__ import annotations

from reference.storage.collection import Collection
from reference.storage.transaction import Transaction
from tests.defects.defect import Defect


def _apply_remove(transaction: Transaction, collection: Collection, key: str, revision: int) -> bool:
    return False


DEFECT = Defect(
    id="removal-not-applied",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.storage.documents:apply_remove",
    replacement=_apply_remove,
    oracle="client",
    workloads=("leader_follower",),
    mirrors="https://github.com/arangodb/arangodb/issues/7410",
)
