"""Copies are equal, and follow the log: witnesses of defects that a workload's history shows."""

from __future__ import annotations

import asyncio

from harness.environments.simulation.network import Link
from tests.defects.stage import FOLLOWER, LEADER, Stage, witness
from workloads import leader_follower

_FORGETFUL = ("--rocksdb.wal-file-timeout", "0", "--rocksdb.wal-file-timeout-initial", "0")
"""The log keeps nothing that is in a checkpoint and that nobody is known to need."""


@witness(nodes=2)
async def sync_start_tick_late(stage: Stage) -> None:
    """Writes during the initial sync."""
    await stage.play(leader_follower.workload)
    following = asyncio.create_task(stage.follow())
    number = 0
    while not following.done():
        await stage.do("insert", number)
        number += 1
    await following
    assert number > 5, "nothing was written during the sync"
    await _compare(stage)


@witness(nodes=2)
async def repeated_dump_skips(stage: Stage) -> None:
    """An initial sync in small pieces, over links on which every request arrives twice."""
    await stage.play(leader_follower.workload)
    for number in range(20):
        await stage.do("insert", number)
    stage.world.network.default = Link(duplication=1.0)
    await stage.follow(chunkSize=200)
    stage.world.network.default = Link()
    await _compare(stage)


@witness(nodes=2)
async def position_before_data(stage: Stage) -> None:
    """The follower loses its power right after the first sync of what it applies."""
    await _begin(stage)
    await asyncio.sleep(1)
    with stage.at(FOLLOWER, "after sync", lambda: stage.lose_power(FOLLOWER)):
        await stage.do("insert", 1)
        await asyncio.sleep(1)
    await stage.start(FOLLOWER)
    await _compare(stage)


@witness(nodes=2)
async def overlap_replayed(stage: Stage) -> None:
    """A restarted follower is read while a slow link lets it come on by single entries only."""
    await _begin(stage, chunkSize=1)
    for number in range(25):
        await stage.do("insert", number)
    await stage.do("remove", 24)
    await stage.do("insert", 25)
    assert await stage.caught_up()
    await asyncio.sleep(0.5)
    stage.world.network.links[FOLLOWER, LEADER] = Link(delay_s=0.1)
    await stage.restart(FOLLOWER)
    for _ in range(60):
        await stage.see("read", {"server": 1})
        await asyncio.sleep(0.1)
    stage.judge()


@witness(*_FORGETFUL, nodes=2)
async def gap_ignored(stage: Stage) -> None:
    """The leader prunes its log while the follower is gone, and has forgotten that there is one."""
    await _leave_gap(stage)
    await _compare(stage)


@witness(*_FORGETFUL, nodes=2)
async def auto_resync_ignored(stage: Stage) -> None:
    """The same: here the follower says that it cannot go on, and does not help itself."""
    await _leave_gap(stage)
    await _compare(stage)


@witness(*_FORGETFUL, nodes=2)
async def resync_keeps_documents(stage: Stage) -> None:
    """The same: among what the follower has missed is a removal."""
    await _leave_gap(stage)
    await _compare(stage)


@witness(nodes=2)
async def tail_skips_at_full_chunk(stage: Stage) -> None:
    """More is written between two polls than fits into an answer."""
    await _begin(stage, chunkSize=300)
    for number in range(10):
        await stage.do("insert", number)
    await _compare(stage)


@witness(nodes=2)
async def transaction_applied_in_pieces(stage: Stage) -> None:
    """A transaction, and the follower is read while it applies it."""
    await _begin(stage)
    await stage.do("transact", [0, 1])
    for _ in range(150):
        await stage.see("read", {"server": 1})
        await asyncio.sleep(0.002)
    stage.judge()


@witness(nodes=2)
async def autostart_ignored(stage: Stage) -> None:
    """The follower is restarted."""
    await _begin(stage)
    await stage.restart(FOLLOWER)
    await stage.do("insert", 1)
    await _compare(stage)


@witness(nodes=2)
async def starts_from_newest(stage: Stage) -> None:
    """Writes while the follower is gone."""
    await _begin(stage)
    stage.kill(FOLLOWER)
    await stage.do("insert", 1)
    await stage.do("insert", 2)
    await stage.start(FOLLOWER)
    await _compare(stage)


@witness(nodes=2)
async def resumes_one_tick_late(stage: Stage) -> None:
    """One write before the follower goes, and two while it is gone."""
    await _begin(stage)
    await stage.do("insert", 1)
    assert await stage.caught_up()
    stage.kill(FOLLOWER)
    await stage.do("insert", 2)
    await stage.do("insert", 3)
    await stage.start(FOLLOWER)
    await _compare(stage)


@witness(nodes=2)
async def transaction_split_at_chunk(stage: Stage) -> None:
    """A transaction comes entry by entry over a slow link, and the follower is read meanwhile."""
    await _begin(stage, chunkSize=1)
    await stage.do("transact", [0, 1])
    assert await stage.caught_up()
    stage.world.network.links[FOLLOWER, LEADER] = Link(delay_s=0.1)
    await stage.do("transact", [0, 2])
    for _ in range(20):
        await stage.see("read", {"server": 1})
        await asyncio.sleep(0.05)
    stage.judge()


@witness(nodes=2)
async def transaction_overtakes(stage: Stage) -> None:
    """A single write and a transaction come in one answer, and the follower is read meanwhile."""
    await _begin(stage)
    for number in range(0, 8, 2):
        await stage.do("insert", number)
        await stage.do("transact", [0, number + 1])
    for _ in range(60):
        await stage.see("read", {"server": 1})
        await asyncio.sleep(0.01)
    stage.judge()


@witness(nodes=2)
async def revision_not_kept(stage: Stage) -> None:
    """One write."""
    await _begin(stage)
    await stage.do("insert", 1)
    await _compare(stage)


@witness(nodes=2)
async def removal_not_applied(stage: Stage) -> None:
    """A write and its removal."""
    await _begin(stage)
    await stage.do("insert", 1)
    await stage.do("remove", 1)
    await _compare(stage)


@witness(nodes=2)
async def follower_leaves_leader(stage: Stage) -> None:
    """The leader is gone for a while."""
    await _begin(stage)
    await stage.see("state", {"follower": 0})
    stage.kill(LEADER)
    await asyncio.sleep(5)
    await stage.see("state", {"follower": 0})
    stage.judge()


async def _leave_gap(stage: Stage) -> None:
    """A follower that may resync comes back to a leader that has pruned what it needs."""
    await _begin(stage, autoResync=True)
    await stage.do("insert", 1)
    assert await stage.caught_up()
    reached = int((await stage.applier())["lastProcessedContinuousTick"])
    stage.kill(FOLLOWER)
    await stage.restart(LEADER)
    await stage.do("insert", 2)
    await stage.do("remove", 1)
    await stage.expect(LEADER, "PUT", "/_admin/wal/flush")
    await asyncio.sleep(3)
    first = await stage.expect(LEADER, "GET", "/_api/replication/logger-first-tick")
    assert first["firstTick"] is None or int(first["firstTick"]) > reached + 1, "nothing was pruned"
    await stage.do("insert", 3)
    await stage.start(FOLLOWER)


async def _begin(stage: Stage, **given: object) -> None:
    await stage.play(leader_follower.workload)
    await stage.follow(**given)


async def _compare(stage: Stage) -> None:
    """Wait until the follower has caught up, or says that it will not, and let the workload compare."""
    await stage.caught_up()
    for server in (0, 1):
        await stage.see("snapshot", {"server": server})
    stage.judge()
