"""A request for a piece of a dump that arrives twice moves the dump on twice."""

from __future__ import annotations

from reference.replication import inventory
from reference.replication.batches import Batch, Piece
from tests.defects.defect import Defect


def _dump(
    batch: Batch, database_id: int, name: str, chunk_bytes: int, *, envelope: bool, number: int = 0
) -> Piece:
    position = batch.position(inventory.leaving(batch, database_id, name))
    return inventory._next(position, chunk_bytes, envelope=envelope)


DEFECT = Defect(
    id="repeated-dump-skips",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.inventory:dump",
    replacement=_dump,
    oracle="client",
    workloads=("leader_follower", "set"),
    needs=("a sync in several pieces, over links that duplicate requests",),
    mirrors="this reference itself, until it met links that duplicate; an arangod's dump is a stream as well",
)
