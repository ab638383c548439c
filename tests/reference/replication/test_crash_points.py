"""A follower that dies at any write to its disk: what it has then is the leader's past, whole, no gap."""

from __future__ import annotations

from random import Random
from typing import Any

from reference.world import Request, Unreachable
from tests.reference.replication.pair import Pair, configuration, eventually
from tests.reference.replication.test_applier import insert, transaction
from tests.reference.storage.memory_disk import MemoryDisk

Documents = dict[str, dict[str, Any]]


class RecordingDisk(MemoryDisk):
    """Keeps, from `record` on, a copy of itself from before every write."""

    def __init__(self) -> None:
        super().__init__()
        self.record = False
        self.copies: list[MemoryDisk] = []

    def check_space(self, size: int) -> None:
        if self.record:
            self.copies.append(self.killed())
        super().check_space(size)


async def leader_life(pair: Pair) -> dict[int, Documents]:
    """Writes of many kinds; the documents of `c` as they were at each tick at which they changed."""
    past: dict[int, Documents] = {}

    async def note() -> None:
        past[await pair.last_tick()] = await pair.leader.documents("c")

    await note()
    for number in range(4):
        await pair.leader.expect("POST", "/_api/document/c", {"_key": f"s{number}", "n": number})
        await note()
        await transaction(pair.leader, ["a", "b", f"t{number}"], number)
        await note()
    await pair.leader.expect("DELETE", "/_api/document/c/s1")
    await note()
    await pair.leader.expect("PUT", "/_api/collection/c/truncate")
    await note()
    await transaction(pair.leader, ["a", "b"], 9)
    await note()
    return past


def allowed(past: dict[int, Documents], tick: int) -> list[Documents]:
    """What may be there with `tick`: exactly the past, or a truncation that is done and not yet counted."""
    now = past[max(known for known in past if known <= tick)]
    after = past.get(tick + 1)
    return [now, {}] if after == {} else [now]


async def check_every_copy(pair: Pair, copies: list[MemoryDisk], past: dict[int, Documents]) -> None:
    final = await pair.leader.documents("c")

    def silence(request: Request) -> None:
        raise Unreachable("not yet", sent=False)

    for copy in copies:
        pair.wire.before = silence
        await pair.follower.crash(copy)
        await pair.follower.start()
        state = await pair.follower.applier()
        tick = int(state["lastAppliedContinuousTick"])
        found = await pair.follower.documents("c")
        assert found in allowed(past, tick), f"data and tick {tick} belong together"
        pair.wire.before = lambda request: None
        await pair.caught_up()
        assert await pair.follower.documents("c") == final


async def test_every_write_of_the_applier_is_a_place_to_die() -> None:
    disk = RecordingDisk()
    pair = Pair(disk)
    await pair.start()
    try:
        await pair.leader.expect("POST", "/_api/collection", {"name": "c"})
        await pair.follow()
        disk.record = True
        past = await leader_life(pair)
        await pair.caught_up()
        disk.record = False
        assert len(disk.copies) > 3
        await check_every_copy(pair, disk.copies, past)
    finally:
        await pair.stop()


async def test_dying_in_the_midst_of_a_transaction_that_comes_in_pieces() -> None:
    disk = RecordingDisk()
    pair = Pair(disk)
    await pair.start()
    try:
        await pair.leader.expect("POST", "/_api/collection", {"name": "c"})
        await pair.follow(chunkSize=1)
        disk.record = True
        past = await leader_life(pair)
        await pair.caught_up()
        disk.record = False
        assert len(disk.copies) >= len(past)
        await check_every_copy(pair, disk.copies, past)
    finally:
        await pair.stop()


async def test_dying_while_setting_up_leaves_nothing_that_starts_by_itself() -> None:
    """Half a copy is no past of the leader's, so nothing may go on from it."""
    disk = RecordingDisk()
    pair = Pair(disk)
    await pair.start()
    try:
        await pair.leader.expect("POST", "/_api/collection", {"name": "c"})
        await insert(pair.leader, 1200)
        disk.record = True
        await pair.follow()
        disk.record = False
        final = await pair.leader.documents("c")
        for copy in disk.copies:
            await pair.follower.crash(copy)
            await pair.follower.start()
            if (await pair.follower.applier())["running"]:
                await pair.caught_up()
                assert await pair.follower.documents("c") == final
    finally:
        await pair.stop()


async def test_dying_while_resyncing_begins_the_resync_anew() -> None:
    """A resync drops data: the old tick must not survive its beginning."""
    disk = RecordingDisk()
    pair = Pair(disk)
    await pair.start()
    try:
        await pair.leader.expect("POST", "/_api/collection", {"name": "c"})
        await insert(pair.leader, 700)
        await pair.follow(autoResync=True)
        await pair.follower.expect("PUT", "/_api/replication/applier-stop")
        await pair.follower.expect("DELETE", "/_api/replication/applier-state")
        disk.record = True
        await pair.follower.expect("PUT", "/_api/replication/applier-start")
        await pair.caught_up()
        disk.record = False
        final = await pair.leader.documents("c")
        for copy in disk.copies:
            await pair.follower.crash(copy)
            await pair.follower.start()
            await pair.caught_up()
            assert await pair.follower.documents("c") == final
    finally:
        await pair.stop()


async def test_dying_in_a_sync_does_not_go_on_from_an_older_tick() -> None:
    """Half a copy and a tick from before it would be a gap that nobody notices."""
    disk = RecordingDisk()
    pair = Pair(disk)
    await pair.start()
    try:
        await pair.leader.expect("POST", "/_api/collection", {"name": "c"})
        await insert(pair.leader, 1200)
        await pair.follow()
        await pair.follower.expect("PUT", "/_api/replication/applier-stop")
        disk.record = True
        await pair.follower.expect("PUT", "/_api/replication/sync", configuration())
        disk.record = False
        assert len(disk.copies) > 4
        outcomes = [await self_started(pair, copy) for copy in disk.copies]
        assert {"caught up", "no start tick"} == set(outcomes)
    finally:
        await pair.stop()


async def self_started(pair: Pair, copy: MemoryDisk) -> str:
    await pair.follower.crash(copy)
    await pair.follower.start()
    tick = await pair.last_tick()

    async def decided() -> bool:
        state = await pair.follower.applier()
        return not state["running"] or int(state["lastProcessedContinuousTick"] or 0) >= tick

    await eventually(decided, "the applier catches up or stops")
    state = await pair.follower.applier()
    if state["running"]:
        assert await pair.follower.documents("c") == await pair.leader.documents("c")
        return "caught up"
    assert state["lastError"]["errorNum"] == 1413
    return "no start tick"


async def test_a_follower_has_nothing_that_its_leader_loses_with_the_power(pair: Pair) -> None:
    await pair.follow()
    for number in range(10):
        await pair.leader.expect("POST", "/_api/document/c", {"_key": f"k{number}"})
        if number % 3 == 0:
            await pair.caught_up()
    shipped = await pair.follower.documents("c")
    await pair.leader.crash(pair.leader.disk.power_loss(Random(number)))
    await pair.leader.start()
    kept = await pair.leader.documents("c")
    assert shipped.items() <= kept.items()
    assert shipped, "nothing was shipped, so nothing was tested"
