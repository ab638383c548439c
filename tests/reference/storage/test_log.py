"""The log while it runs: group commit, segments, retention, and what happens when the disk refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from reference.errors import ArangoError
from reference.storage.log import Log
from reference.storage.record import PUT, Draft, Record
from reference.storage.settings import StorageOptions
from tests.reference.storage.memory_disk import ManualClock, MemoryDisk, MemoryFile, memory_world

OPTIONS = StorageOptions(sync_interval_s=0.1, wal_file_timeout_s=10, wal_file_timeout_initial_s=180)


def put(key: str, size: int = 10) -> Draft:
    return Draft(PUT, 1, 2, key, 3, b"x" * size)


async def open_log(
    disk: MemoryDisk, clock: ManualClock | None = None, options: StorageOptions = OPTIONS
) -> tuple[Log, list[Record]]:
    found: list[Record] = []

    def apply(unit: Sequence[Record]) -> None:
        found.extend(unit)

    log, _ = await Log.open(memory_world(disk, clock), options, 0, apply)
    return log, found


async def test_ticks_are_consecutive_and_read_back_in_order() -> None:
    log, _ = await open_log(MemoryDisk())
    assert [log.append([put("a")]), log.append([put("b"), put("c")], 9), log.append([put("d")])] == [1, 3, 4]
    assert log.read(0, 99, 10_000).records == [], "nothing is durable yet"
    assert await log.sync() == 4
    chunk = log.read(1, 3, 10_000)
    assert [(r.tick, r.key, r.transaction) for r in chunk.records] == [(2, "b", 9), (3, "c", 9)]
    assert (chunk.last_scanned, chunk.durable_tick, chunk.from_present) == (3, 4, True)


async def test_a_small_limit_still_gives_one_record() -> None:
    log, _ = await open_log(MemoryDisk())
    for key in "abc":
        log.append([put(key, 1000)])
    await log.sync()
    chunk = log.read(0, 99, 1)
    assert [r.key for r in chunk.records] == ["a"]
    assert chunk.last_scanned == 1


async def test_reading_crosses_segments_and_blocks() -> None:
    log, _ = await open_log(MemoryDisk(), options=StorageOptions(segment_bytes=300_000))
    for number in range(500):
        log.append([put(str(number), 3000)])
    await log.sync()
    assert len(log.ranges()) > 3
    for start in (0, 1, 77, 250, 499, 500):
        assert [r.tick for r in log.read(start, 10**9, 10**9).records] == list(range(start + 1, 501))


async def test_one_fsync_serves_all_who_wait() -> None:
    disk = MemoryDisk()
    log, _ = await open_log(disk)
    before = disk.syncs
    order: list[str] = []

    async def commit(key: str) -> None:
        tick = log.append([put(key)])
        await log.synced(tick, lambda: order.append(key))
        assert log.durable_tick >= tick
        assert len(order) == 20, "all effects take place before anyone awakes"

    await asyncio.gather(*(commit(str(n)) for n in range(20)))
    assert disk.syncs - before <= 3


async def test_effects_take_place_although_the_client_went_away() -> None:
    log, _ = await open_log(MemoryDisk())
    done: list[bool] = []
    task = asyncio.create_task(log.synced(log.append([put("a")]), lambda: done.append(True)))
    await asyncio.sleep(0)
    task.cancel()
    await log.sync()
    assert done == [True]


async def test_records_are_synced_after_the_interval_without_being_asked() -> None:
    clock = ManualClock()
    log, _ = await open_log(MemoryDisk(), clock)
    log.append([put("a")])
    await asyncio.sleep(0)
    assert log.durable_tick == 0
    await clock.advance(0.1)
    assert log.durable_tick == 1


async def test_a_failed_fsync_ends_all_writing() -> None:
    disk = MemoryDisk()
    log, _ = await open_log(disk)
    await log.synced(log.append([put("a")]))
    disk.sync_error = OSError(5, "Input/output error")
    tick = log.append([put("b")])
    installed: list[bool] = []
    with pytest.raises(ArangoError, match="nobody knows"):
        await log.synced(tick, lambda: installed.append(True))
    disk.sync_error = None
    with pytest.raises(ArangoError, match="no write is accepted"):
        log.append([put("c")])
    with pytest.raises(ArangoError):
        await log.synced(tick)
    assert installed == []
    assert log.durable_tick == 1
    assert [r.key for r in log.read(0, 99, 10_000).records] == ["a"], "what was durable can still be read"


async def test_a_full_disk_refuses_the_write_and_leaves_the_log_whole() -> None:
    disk = MemoryDisk()
    log, _ = await open_log(disk)
    log.append([put("a")])
    disk.space = 50
    with pytest.raises(ArangoError) as caught:
        log.append([put("b", 1000)])
    assert caught.value.number == 1225
    disk.space = None
    assert log.append([put("c")]) == 2
    await log.sync()
    _, found = await open_log(disk.killed())
    assert [r.key for r in found] == ["a", "c"]


async def test_a_write_that_cannot_be_undone_ends_all_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = MemoryDisk()
    log, _ = await open_log(disk)
    log.append([put("a")])

    def fail(file: MemoryFile, size: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(MemoryFile, "truncate", fail)
    disk.space = 50
    with pytest.raises(ArangoError, match="nobody knows"):
        log.append([put("b", 1000)])
    disk.space = None
    with pytest.raises(ArangoError, match="no write is accepted"):
        log.append([put("c")])


async def test_a_full_disk_at_rotation_is_survived() -> None:
    disk = MemoryDisk()
    log, _ = await open_log(disk, options=StorageOptions(segment_bytes=200))
    log.append([put("a", 500)])
    disk.space = 0
    with pytest.raises(ArangoError) as caught:
        log.append([put("b")])
    assert caught.value.number == 1225
    disk.space = None
    log.append([put("c")])
    await log.sync()
    _, found = await open_log(disk.killed())
    assert [r.key for r in found] == ["a", "c"]


async def segmented(clock: ManualClock) -> Log:
    """Three closed segments with ticks 1-3, 4-6, 7-9 and an open one."""
    log, _ = await open_log(MemoryDisk(), clock)
    for number in range(9):
        log.append([put(str(number))])
        if number % 3 == 2:
            log.rotate()
    await log.sync()
    return log


async def test_segments_go_after_their_time_but_not_in_the_first_minutes() -> None:
    clock = ManualClock()
    log = await segmented(clock)
    await clock.advance(100)
    await log.prune(9)
    assert log.first_tick == 1, "the server is too young"
    await clock.advance(81)
    await log.prune(9)
    assert log.first_tick == 10
    assert not log.read(0, 99, 1000).from_present
    assert not log.read(8, 99, 1000).from_present
    assert log.read(9, 99, 1000).from_present


async def test_a_fresh_segment_is_kept_for_the_timeout() -> None:
    clock = ManualClock()
    log = await segmented(clock)
    await clock.advance(200)
    log.append([put("x")])
    log.rotate()
    await log.sync()
    await clock.advance(9)
    await log.prune(10)
    assert log.first_tick == 10
    await clock.advance(2)
    await log.prune(10)
    assert log.first_tick == 11


async def test_no_segment_goes_that_no_checkpoint_covers() -> None:
    clock = ManualClock()
    log = await segmented(clock)
    await clock.advance(1000)
    await log.prune(5)
    assert log.first_tick == 4


async def test_a_pin_keeps_what_its_client_has_not_read_until_it_expires() -> None:
    clock = ManualClock()
    log = await segmented(clock)
    log.pin("follower", 4, ttl_s=500)
    log.pin("other", 9, ttl_s=5000)
    await clock.advance(300)
    await log.prune(9)
    assert log.first_tick == 4
    assert [pin.client_id for pin in log.pins()] == ["follower", "other"]
    log.pin("follower", 6, ttl_s=500)
    await log.prune(9)
    assert log.first_tick == 7
    await clock.advance(501)
    await log.prune(9)
    assert log.first_tick == 10
    assert [pin.client_id for pin in log.pins()] == ["other"]


async def test_a_pin_can_be_taken_back() -> None:
    clock = ManualClock()
    log = await segmented(clock)
    log.pin("follower", 0, ttl_s=5000)
    await clock.advance(300)
    await log.prune(9)
    assert log.first_tick == 1
    log.unpin("follower")
    log.unpin("stranger")
    await log.prune(9)
    assert log.first_tick == 10
