"""Truncating a collection empties the table and is not logged."""

from __future__ import annotations

from reference.storage.collection import Collection
from reference.storage.engine import Engine
from tests.defects.defect import Defect


async def _truncate(self: Engine, collection: Collection) -> None:
    database = self.database(self.database_name(collection.database_id) or "")
    with await self.transactions.exclusive(database, collection):
        collection.table.clear(self.log.last_tick, self.clock.next())


DEFECT = Defect(
    id="truncate-not-logged",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.engine:Engine.truncate",
    replacement=_truncate,
    oracle="http",
    topology="single",
    faults=("kill",),
    needs=("truncation",),
)
