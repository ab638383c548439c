"""A follower gives what it applies revisions of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.documents import Written
from reference.storage.transaction import Transaction
from tests.defects.defect import Defect


def _apply_put(transaction: Transaction, collection: Collection, document: Mapping[str, Any]) -> Written:
    return documents.insert(transaction, collection, document, overwrite_mode="replace")


DEFECT = Defect(
    id="revision-not-kept",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.storage.documents:apply_put",
    replacement=_apply_put,
    oracle="client",
    workloads=("leader_follower", "set"),
    mirrors="https://github.com/arangodb/arangodb/pull/14384 (checksums that drift)",
)
