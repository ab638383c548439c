"""A sync leaves collections that the leader does not have."""

from __future__ import annotations

from reference.replication.initial_sync import InitialSync, _Prepared
from tests.defects.defect import Defect


async def _drop_others(self: InitialSync, prepared: _Prepared) -> None:
    pass


DEFECT = Defect(
    id="sync-keeps-surplus",
    clause="LF-SYNC-OVERWRITES",
    anomaly="surplus-collection",
    replaces="reference.replication.initial_sync:InitialSync._drop_others",
    replacement=_drop_others,
    oracle="http",
    needs=("a collection that is on the follower only",),
)
