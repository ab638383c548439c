"""The log's tail shows what happened in other databases."""

from __future__ import annotations

from reference.replication.tail import _OF_DATABASES, _OF_TRANSACTIONS, TailQuery
from reference.storage.engine import Engine
from reference.storage.record import Record
from tests.defects.defect import Defect


def _shown(engine: Engine, record: Record, query: TailQuery) -> bool:
    if record.type in _OF_DATABASES:
        return query.database is None
    if record.type in _OF_TRANSACTIONS:
        return True
    identity = engine.identity(record.collection)
    return identity is not None and identity.name in query.wanted


DEFECT = Defect(
    id="other-database-replicated",
    clause="LF-PER-DATABASE",
    anomaly="leaked-collection",
    replaces="reference.replication.tail:_shown",
    replacement=_shown,
    oracle="http",
    needs=("a second database on the leader",),
)
