"""What is acknowledged stays: witnesses of defects of log, recovery and checkpoints."""

from __future__ import annotations

import asyncio

from tests.defects.stage import LEADER, Stage, witness
from workloads import leader_follower, register
from workloads import set as sets

_CALM_S = 0.5
"""After so long the log has said that it is synced, and writes nothing by itself."""


@witness()
async def missing_fsync(stage: Stage) -> None:
    """A power loss shortly after acknowledged adds."""
    await stage.play(sets.workload)
    await asyncio.sleep(3)
    for element in range(5):
        await stage.do("add", element)
    stage.lose_power(LEADER)
    await stage.start(LEADER)
    await stage.see("read")
    stage.judge()


@witness()
async def ack_before_fsync(stage: Stage) -> None:
    """A power loss right after an acknowledged add."""
    await stage.play(sets.workload)
    await stage.do("add", 1)
    stage.lose_power(LEADER)
    await stage.start(LEADER)
    await stage.see("read")
    stage.judge()


@witness()
async def sync_counts_later_writes(stage: Stage) -> None:
    """Two adds to a slow disk, the second one while the first is being synced, and a power loss."""
    await stage.play(sets.workload)
    await asyncio.sleep(_CALM_S)
    await stage.environment.disks.fault(LEADER, "slow")
    first = asyncio.create_task(stage.do("add", 1))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(stage.do("add", 2, process=1))
    await first
    await asyncio.sleep(0.005)
    stage.lose_power(LEADER)
    await second
    await stage.environment.disks.heal(LEADER)
    await stage.start(LEADER)
    await stage.see("read")
    stage.judge()


@witness()
async def visible_before_fsync(stage: Stage) -> None:
    """A power loss while a write is on its way to a slow disk and somebody reads."""
    await stage.play(register.workload)
    await stage.environment.disks.fault(LEADER, "slow")
    writing = asyncio.create_task(stage.do("write", 1, key=0))
    await asyncio.sleep(0.02)
    await stage.see("read", key=0)
    stage.lose_power(LEADER)
    assert (await writing).type == "info"
    await stage.environment.disks.heal(LEADER)
    await stage.start(LEADER)
    await stage.see("read", key=0)
    stage.judge()


@witness()
async def fsync_error_swallowed(stage: Stage) -> None:
    """Syncs fail, the disk recovers, the power goes."""
    await stage.play(sets.workload)
    disk = stage.disk(LEADER)

    def fail() -> None:
        disk.is_failing = True

    for element in range(4):
        await asyncio.sleep(_CALM_S)
        if element == 0:
            with stage.at(LEADER, "after write", fail):
                await stage.do("add", element)
        else:
            await stage.do("add", element, process=element)
        await stage.environment.disks.heal(LEADER)
        if element == 0:
            stage.lose_power(LEADER)
            await stage.start(LEADER)
    await stage.see("read")
    stage.judge()


@witness()
async def full_disk_acknowledged(stage: Stage) -> None:
    """An add to a full disk, and a kill."""
    await stage.play(sets.workload)
    await stage.do("add", 1)
    await stage.environment.disks.fault(LEADER, "full")
    await stage.do("add", 2)
    stage.kill(LEADER)
    await stage.environment.disks.heal(LEADER)
    await stage.start(LEADER)
    await stage.see("read")
    stage.judge()


@witness()
async def torn_tail_kept(stage: Stage) -> None:
    """A write is torn by a power loss; the next one is acknowledged, and the server killed."""
    await stage.play(sets.workload)
    await stage.do("add", 1)
    await asyncio.sleep(_CALM_S)
    with stage.at(LEADER, "after write", lambda: stage.lose_power(LEADER, "torn")):
        assert (await stage.do("add", 2)).type == "info"
    await stage.start(LEADER)
    assert (await stage.do("add", 3, process=1)).type == "ok"
    await stage.restart(LEADER)
    await stage.see("read")
    stage.judge()


@witness()
async def unfinished_transaction_replayed(stage: Stage) -> None:
    """The record of a commit is torn in its middle."""
    await stage.play(leader_follower.workload)
    await stage.do("transact", [0, 1])
    await asyncio.sleep(_CALM_S)
    with stage.at(LEADER, "after write", lambda: stage.lose_power(LEADER, "torn")):
        assert (await stage.do("transact", [0, 2])).type == "info"
    await stage.start(LEADER)
    await stage.see("read", {"server": 0})
    stage.judge()


@witness()
async def transaction_in_pieces(stage: Stage) -> None:
    """The server is killed right after the first write of a commit."""
    await stage.play(leader_follower.workload)
    await stage.do("transact", [0, 1])
    await asyncio.sleep(_CALM_S)
    with stage.at(LEADER, "after write", lambda: stage.kill(LEADER)):
        assert (await stage.do("transact", [0, 2])).type == "info"
    await stage.start(LEADER)
    await stage.see("read", {"server": 0})
    stage.judge()


@witness()
async def checkpoint_misses_pending_commit(stage: Stage) -> None:
    """A checkpoint is written while adds are on their way to a slow disk, one behind the other."""
    await stage.play(sets.workload)
    await stage.environment.disks.fault(LEADER, "slow")
    adding = []
    for element in range(2):
        adding.append(asyncio.create_task(stage.do("add", element, process=element)))
        await asyncio.sleep(0.005)
    await stage.expect(LEADER, "PUT", "/_admin/wal/flush")
    assert [op.type for op in await asyncio.gather(*adding)] == ["ok", "ok"]
    await stage.environment.disks.heal(LEADER)
    await stage.restart(LEADER)
    await stage.see("read")
    stage.judge()


@witness()
async def replay_begins_too_late(stage: Stage) -> None:
    """Two adds after a checkpoint, and a restart."""
    await stage.play(sets.workload)
    await stage.do("add", 1)
    await stage.expect(LEADER, "PUT", "/_admin/wal/flush")
    await stage.do("add", 2)
    await stage.do("add", 3)
    await stage.restart(LEADER)
    await stage.see("read")
    stage.judge()


@witness()
async def removal_not_logged(stage: Stage) -> None:
    """A removal, and a restart."""
    await stage.play(leader_follower.workload)
    await stage.do("insert", 1)
    await stage.do("remove", 1)
    await stage.restart(LEADER)
    await stage.see("read", {"server": 0})
    stage.judge()


@witness()
async def truncate_not_logged(stage: Stage) -> None:
    """A truncation, and a restart."""
    await stage.expect(LEADER, "POST", "/_api/collection", {"name": "c"})
    await stage.put(LEADER, "c", "k", 1)
    await stage.expect(LEADER, "PUT", "/_api/collection/c/truncate")
    assert await stage.contents(LEADER, "c") == {}
    await stage.restart(LEADER)
    found = await stage.contents(LEADER, "c")
    stage.demand(
        not found, "LF-WAL", "lost-write", f"{found} is there again after a truncation and a restart"
    )


@witness()
async def revision_reused(stage: Stage) -> None:
    """The clock is set back, and a power loss takes a write whose revision a client knows."""
    await stage.expect(LEADER, "POST", "/_api/collection", {"name": "c"})
    await stage.put(LEADER, "c", "a", 1, sync=True)
    await stage.environment.clocks.jump(LEADER, -3600)
    known = await stage.put(LEADER, "c", "a", 2)
    stage.lose_power(LEADER)
    await stage.start(LEADER)
    assert await stage.contents(LEADER, "c") == {"a": 1}, "the write was to be lost"
    again = await stage.put(LEADER, "c", "a", 3)
    stage.demand(
        known != again, "S-REVISION", "reused-revision", f"{again} is the revision of n=2 and of n=3"
    )
