"""After a crash the log is a prefix with everything synced in it; real damage is told from a torn tail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import chain
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.errors import ArangoError
from reference.storage.corruption import CorruptStorage
from reference.storage.log import Log
from reference.storage.record import BEGIN, COMMIT, PUT, Draft, Record
from reference.storage.settings import StorageOptions
from tests.reference.storage.memory_disk import MemoryDisk, memory_world

OPTIONS = StorageOptions(segment_bytes=2_000, sync_interval_s=0)


def put(key: str, size: int = 20) -> Draft:
    return Draft(PUT, 1, 2, key, 3, b"x" * size)


def transaction(*keys: str) -> list[Draft]:
    return [Draft(BEGIN, 1), *(put(key) for key in keys), Draft(COMMIT, 1)]


async def recovered(
    disk: MemoryDisk, start_tick: int = 0, options: StorageOptions = OPTIONS
) -> tuple[Log, list[Record], tuple[str, ...]]:
    found: list[Record] = []

    def apply(unit: Sequence[Record]) -> None:
        found.extend(unit)

    log, report = await Log.open(memory_world(disk), options, start_tick, apply)
    return log, found, report


async def written(units: int, *, synced: int, options: StorageOptions = OPTIONS) -> MemoryDisk:
    """A log of single records k0, k1, ..., the first `synced` of them durable."""
    disk = MemoryDisk()
    log, _, _ = await recovered(disk, options=options)
    for number in range(units):
        log.append([put(f"k{number}")])
        if number + 1 == synced:
            await log.sync()
    return disk


async def stopped(units: int) -> MemoryDisk:
    """A log of several segments after a graceful stop."""
    disk = MemoryDisk()
    log, _, _ = await recovered(disk)
    for number in range(units):
        log.append([put(f"k{number}")])
    await log.close()
    assert len(disk.list("journals")) > 2
    return disk


def last_segment(disk: MemoryDisk) -> str:
    return "journals/" + disk.list("journals")[-1]


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["one", "large", "transaction", "sync"]), max_size=40),
    seed=st.integers(0, 2**32),
    lives=st.integers(1, 3),
)
def test_a_power_loss_leaves_a_prefix_with_everything_synced(steps: list[str], seed: int, lives: int) -> None:
    async def run() -> None:
        random = Random(seed)
        disk = MemoryDisk()
        history: list[list[str]] = []
        for life in range(lives):
            log, found, _ = await recovered(disk)
            keys = [record.key for record in found if record.type == PUT]
            assert keys == list(chain(*history))
            synced = len(history)
            for number, step in enumerate(steps):
                name = f"{life}-{number}"
                if step == "one":
                    log.append([put(name)])
                    history.append([name])
                elif step == "large":
                    log.append([put(name, 1500)])
                    history.append([name])
                elif step == "transaction":
                    log.append(transaction(name + "a", name + "b"), 5)
                    history.append([name + "a", name + "b"])
                else:
                    await log.sync()
                    synced = len(history)
            disk = disk.power_loss(random)
            _, found, _ = await recovered(disk.killed())
            keys = [record.key for record in found if record.type == PUT]
            prefixes = [list(chain(*history[:length])) for length in range(synced, len(history) + 1)]
            assert keys in prefixes, "a prefix of whole units with everything synced"
            history = history[: synced + prefixes.index(keys)]

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(units=st.integers(1, 30), seed=st.integers(0, 2**32))
def test_a_killed_process_loses_nothing(units: int, seed: int) -> None:
    async def run() -> None:
        disk = await written(units, synced=Random(seed).randint(0, units))
        log, found, report = await recovered(disk.killed())
        assert [record.key for record in found] == [f"k{n}" for n in range(units)]
        assert report == ()
        assert log.durable_tick == units
        assert log.append([put("next")]) == units + 1

    asyncio.run(run())


async def test_torn_tail_is_cut_and_the_prefix_survives() -> None:
    disk = await written(5, synced=3)
    disk.files[last_segment(disk)].data[-7:] = b""
    log, found, report = await recovered(disk)
    assert [record.key for record in found] == ["k0", "k1", "k2", "k3"]
    assert len(report) == 1
    assert "torn tail" in report[0]
    assert log.append([put("again")]) == 5
    await log.sync()
    _, found, report = await recovered(disk.killed())
    assert [record.key for record in found] == ["k0", "k1", "k2", "k3", "again"]
    assert report == ()


async def test_garbage_after_the_last_record_is_cut() -> None:
    disk = await written(3, synced=3)
    disk.files[last_segment(disk)].data += bytes(range(256))
    _, found, report = await recovered(disk)
    assert len(found) == 3
    assert report


async def test_a_hole_in_what_was_never_synced_is_a_torn_tail_although_later_records_are_readable() -> None:
    disk = await written(6, synced=2)
    data = disk.files[last_segment(disk)].data
    position = data.index(b"k3")
    data[position : position + 2] = b"??"
    _, found, _ = await recovered(disk)
    assert [record.key for record in found] == ["k0", "k1", "k2"]


@pytest.mark.parametrize("damage", ["flip", "zeros"])
async def test_damage_in_what_was_synced_is_refused_with_file_and_offset(damage: str) -> None:
    disk = await written(6, synced=5)
    content = disk.files[last_segment(disk)]
    position = content.data.index(b"k2")
    content.data[position] = 0 if damage == "zeros" else content.data[position] ^ 1
    before = bytes(content.data)
    with pytest.raises(CorruptStorage, match=rf"{last_segment(disk)} is damaged at offset \d+ \(tick 3\)"):
        await recovered(disk)
    assert content.data == before, "nothing is cut from what is refused"


async def test_damage_after_a_graceful_stop_is_refused_even_in_the_last_record() -> None:
    disk = MemoryDisk()
    log, _, _ = await recovered(disk)
    log.append([put("only")])
    await log.close()
    content = disk.files[last_segment(disk)]
    content.data[content.data.index(b"only")] ^= 1
    with pytest.raises(CorruptStorage):
        await recovered(disk)


async def test_damage_in_an_older_segment_is_refused() -> None:
    disk = await stopped(100)
    first = "journals/" + disk.list("journals")[0]
    del disk.files[first].data[-3:]
    with pytest.raises(CorruptStorage, match=first):
        await recovered(disk)


async def test_a_missing_segment_is_refused() -> None:
    disk = await stopped(100)
    del disk.files["journals/" + disk.list("journals")[1]]
    with pytest.raises(CorruptStorage, match="is missing"):
        await recovered(disk)


async def test_missing_oldest_segments_are_refused_without_a_checkpoint() -> None:
    disk = await stopped(100)
    del disk.files["journals/" + disk.list("journals")[0]]
    with pytest.raises(CorruptStorage, match=r"is missing \(tick 1\)"):
        await recovered(disk)


async def test_a_log_that_ends_before_the_checkpoint_is_refused() -> None:
    disk = await written(5, synced=5)
    with pytest.raises(CorruptStorage, match="checkpoint is at tick 9"):
        await recovered(disk, start_tick=9)


async def test_damage_before_the_checkpoint_is_no_torn_tail() -> None:
    disk = await written(5, synced=0)
    content = disk.files[last_segment(disk)]
    content.data[content.data.index(b"k1")] ^= 1
    with pytest.raises(CorruptStorage, match="checkpoint at tick 4"):
        await recovered(disk, start_tick=4)


async def test_half_a_transaction_is_none() -> None:
    disk = MemoryDisk()
    log, _, _ = await recovered(disk)
    log.append([put("before")])
    log.append(transaction("a", "b", "c"), 77)
    whole = bytes(disk.files[last_segment(disk)].data)
    first_of_it = whole.index(b"b" + b"x" * 20)
    disk.files[last_segment(disk)].data[first_of_it - 30 :] = b""
    log, found, _ = await recovered(disk)
    assert [record.key for record in found] == ["before"]
    assert log.last_tick == 1


async def test_a_transaction_that_ends_cleanly_before_its_commit_is_cut() -> None:
    disk = MemoryDisk()
    log, _, _ = await recovered(disk)
    log.append(transaction("a")[:-1], 77)
    log, found, report = await recovered(disk)
    assert found == []
    assert report
    assert log.last_tick == 0


async def test_only_records_after_the_checkpoint_are_applied() -> None:
    disk = await written(10, synced=10)
    log, found, _ = await recovered(disk, start_tick=7)
    assert [record.tick for record in found] == [8, 9, 10]
    assert log.first_tick == 1


@pytest.mark.parametrize("is_pruned", [False, True])
async def test_segment_that_a_full_disk_did_not_let_begin_is_no_gap(is_pruned: bool) -> None:
    disk = MemoryDisk()
    log, _, _ = await recovered(disk)
    log.append([put("a")])
    disk.space = 0
    with pytest.raises(ArangoError):
        log.rotate()
    disk.space = None
    log.append([put("b")])
    log.append([put("c")])
    log.rotate()
    log.append([put("d")])
    await log.sync()
    left = disk.killed()
    assert "00000000000000000002.log" in left.list("journals"), "what this test is about"
    if is_pruned:
        await left.remove("journals/00000000000000000001.log")
    _, found, _ = await recovered(left, start_tick=3 if is_pruned else 0)
    assert [record.key for record in found] == (["d"] if is_pruned else ["a", "b", "c", "d"])
    assert "00000000000000000002.log" not in left.list("journals")
