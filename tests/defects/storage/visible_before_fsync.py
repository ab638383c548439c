"""A write that asked for the disk is seen before it is there: a power loss takes back what was read."""

from __future__ import annotations

from collections.abc import Callable

from reference.storage.transactions import Transactions
from tests.defects.defect import Defect


async def _synced(self: Transactions, tick: int, install: Callable[[], None]) -> None:
    install()
    await self.log.synced(tick)


DEFECT = Defect(
    id="visible-before-fsync",
    clause="S-LINEARIZABLE",
    anomaly="stale-read",
    replaces="reference.storage.transactions:Transactions.synced",
    replacement=_synced,
    oracle="client",
    topology="single",
    faults=("power",),
    workloads=("register", "set", "leader_follower"),
    needs=("a slow disk makes it likely",),
    mirrors="dirty reads of writes that no disk has yet (etcd, Redis-Raft)",
)
