"""A leader keeps its log for those that it has heard of, and for nobody else."""

from __future__ import annotations

from tests.reference.replication.pair import Pair, eventually
from tests.reference.replication.test_applier import insert


async def is_present(pair: Pair, tick: int) -> bool:
    tail = await pair.leader.call("GET", f"/_api/wal/tail?from={tick}")
    return tail.headers["x-arango-replication-frompresent"] == "true"


async def test_a_tail_makes_durable_what_it_shows_and_shows_all_that_is_written(pair: Pair) -> None:
    tick = await pair.last_tick()
    syncs = pair.leader.disk.syncs
    await pair.leader.expect("POST", "/_api/document/c", {"_key": "fresh"})
    tail = await pair.leader.call("GET", f"/_api/wal/tail?from={tick}")
    assert b'"fresh"' in tail.body
    assert pair.leader.disk.syncs > syncs


async def prune(pair: Pair) -> None:
    """Offer the log for removal: whatever is not needed goes soon afterwards."""
    await insert(pair.leader, 1, first=1000 + await pair.last_tick())
    await pair.leader.expect("PUT", "/_admin/wal/flush")


async def test_a_tick_that_nobody_needs_is_pruned(pair: Pair) -> None:
    tick = await pair.last_tick()
    await insert(pair.leader, 5)
    await prune(pair)

    async def gone() -> bool:
        return not await is_present(pair, tick)

    await eventually(gone, "the log is pruned")


async def test_a_stopped_follower_finds_its_tick_as_long_as_the_leader_knows_it(pair: Pair) -> None:
    await pair.follow(requireFromPresent=True)
    first = await pair.last_tick()
    await pair.caught_up()
    await pair.leader.expect("PUT", "/_admin/wal/flush")
    await insert(pair.leader, 5)
    await pair.caught_up()
    await pair.follower.expect("PUT", "/_api/replication/applier-stop")
    tick = int((await pair.follower.applier())["safeResumeTick"])
    await insert(pair.leader, 5, first=100)
    await prune(pair)

    async def older_is_gone() -> bool:
        return not await is_present(pair, first - 1)

    await eventually(older_is_gone, "what the follower does not need is pruned")
    assert await is_present(pair, tick)
    await pair.follower.expect("PUT", "/_api/replication/applier-start")
    await pair.caught_up()
    assert await pair.follower.documents("c") == await pair.leader.documents("c")


async def test_a_batch_keeps_the_log_after_its_snapshot(pair: Pair) -> None:
    before = await pair.last_tick()
    await insert(pair.leader, 1)
    await pair.leader.expect("PUT", "/_admin/wal/flush")
    batch = await pair.leader.expect("POST", "/_api/replication/batch", {"ttl": 100})
    tick = int(batch["lastTick"])
    await insert(pair.leader, 5, first=100)
    await prune(pair)

    async def older_is_gone() -> bool:
        return not await is_present(pair, before - 1)

    await eventually(older_is_gone, "what the batch does not need is pruned")
    assert await is_present(pair, tick)
    await pair.leader.expect("DELETE", f"/_api/replication/batch/{batch['id']}")
    await prune(pair)

    async def gone() -> bool:
        return not await is_present(pair, tick)

    await eventually(gone, "without the batch it is pruned too")
