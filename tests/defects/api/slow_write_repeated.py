"""A write that took long is done a second time: who chose the key is told it failed, who did not has two."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reference.api.call import Call
from reference.storage.collection import Collection
from reference.storage.transaction import Transaction
from tests.defects.defect import Defect

T = TypeVar("T")
_LONG_NS = 20_000_000
_do_rightly = Call.in_transaction


async def _in_transaction(
    self: Call,
    collection: Collection,
    work: Callable[[Transaction], T],
    *,
    write: bool = False,
    wait_for_sync: bool = False,
) -> T:
    clock = self.services.world.clock
    began_ns = clock.monotonic_ns()
    done = await _do_rightly(self, collection, work, write=write, wait_for_sync=wait_for_sync)
    if write and clock.monotonic_ns() - began_ns > _LONG_NS:
        return await _do_rightly(self, collection, work, write=write, wait_for_sync=wait_for_sync)
    return done


DEFECT = Defect(
    id="slow-write-repeated",
    clause="S-NO-PHANTOM",
    anomaly="phantom",
    replaces="reference.api.call:Call.in_transaction",
    replacement=_in_transaction,
    oracle="client",
    topology="single",
    faults=("disk",),
    workloads=("set", "register", "leader_follower"),
    needs=("a slow disk",),
    mirrors="https://github.com/arangodb/arangodb/pull/18657",
)
