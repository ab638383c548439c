"""A write that asked for the disk is acknowledged before the fsync that it caused has ended."""

from __future__ import annotations

from collections.abc import Callable

from reference.storage.transactions import Transactions
from tests.defects.defect import Defect


async def _synced(self: Transactions, tick: int, install: Callable[[], None]) -> None:
    install()  # the log's interval will sync it, a tenth of a second later


DEFECT = Defect(
    id="ack-before-fsync",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.transactions:Transactions.synced",
    replacement=_synced,
    oracle="client",
    topology="single",
    faults=("power",),
    workloads=("set", "register", "leader_follower"),
    mirrors="lost fsync on acknowledgement (waitForSync), the commonest defect of young logs",
)
