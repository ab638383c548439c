"""A follower does not drop what its leader has dropped."""

from __future__ import annotations

from reference.replication.application import Application
from reference.replication.entries import Entry
from tests.defects.defect import Defect


async def _drop(self: Application, entry: Entry) -> bool:
    return True


DEFECT = Defect(
    id="dropped-collection-stays",
    clause="LF-CONVERGE",
    anomaly="surplus-collection",
    replaces="reference.replication.application:Application._drop",
    replacement=_drop,
    oracle="http",
    needs=("a collection that is dropped",),
)
