"""Who writes sees what was written: witnesses of defects of transactions."""

from __future__ import annotations

import asyncio

from tests.defects.stage import FOLLOWER, LEADER, Stage, witness
from workloads import leader_follower, register

_SLOT = "/_api/document/leader_follower?overwriteMode=ignore"


@witness()
async def key_lock_ignored(stage: Stage) -> None:
    """Two compare-and-sets of one value, at once."""
    await _race(stage)


@witness()
async def locks_released_early(stage: Stage) -> None:
    """The same: the second one comes while the first one is on its way to the disk."""
    await _race(stage)


@witness()
async def snapshot_conflict_ignored(stage: Stage) -> None:
    """Two transactions increment one number that both have read."""
    await stage.expect(LEADER, "POST", "/_api/collection", {"name": "c"})
    await stage.put(LEADER, "c", "k", 1)
    first, second = [await _begin(stage, "c") for _ in range(2)]
    for transaction in (first, second):
        read = await stage.expect(LEADER, "GET", "/_api/document/c/k", headers=transaction)
        assert read["n"] == 1
    await stage.expect(LEADER, "PUT", "/_api/document/c/k", {"n": 2}, first)
    await stage.expect(LEADER, "PUT", f"/_api/transaction/{first['x-arango-trx-id']}")
    reply = await stage.send(LEADER, "PUT", "/_api/document/c/k", {"n": 2}, second)
    stage.demand(reply.error == 1200, "S-ISOLATION", "lost-update", "two increments of 1 are to make 2")


@witness(nodes=2)
async def aborted_transaction_logged(stage: Stage) -> None:
    """A client's transaction is refused after its first write, and given up."""
    await stage.play(leader_follower.workload)
    await stage.follow()
    await stage.do("transact", [0, 1])
    other = await _begin(stage, "leader_follower")
    held = {"_key": "slot-0-right"}
    await stage.expect(LEADER, "POST", _SLOT, held, other)
    assert (await stage.do("transact", [0, 2])).type == "fail", (
        "the other transaction holds its second document"
    )
    assert await stage.caught_up(FOLLOWER)
    await stage.see("read", {"server": 1})
    stage.judge()


async def _race(stage: Stage) -> None:
    await stage.play(register.workload)
    await stage.do("write", 1, key=0)
    await stage.environment.disks.fault(LEADER, "slow")
    await asyncio.gather(
        stage.do("cas", [1, 2], key=0, process=1),
        stage.do("cas", [1, 3], key=0, process=2),
    )
    await stage.see("read", key=0)
    stage.judge()


async def _begin(stage: Stage, collection: str) -> dict[str, str]:
    """Begin a stream transaction; the header that names it."""
    wanted = {"collections": {"write": [collection]}}
    begun = await stage.expect(LEADER, "POST", "/_api/transaction/begin", wanted)
    return {"x-arango-trx-id": begun["result"]["id"]}
