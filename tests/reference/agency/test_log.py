from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.environments.simulation.disk import HostDisk, ServerDisk
from harness.environments.simulation.loop import Owner, SimulatedLoop
from harness.environments.simulation.trace import Trace
from reference.agency.log import Log, claim
from reference.raft import Durable, Entry, HardState, Persist, Snapshot
from reference.storage.corruption import CorruptStorage
from tests.reference.storage.memory_disk import MemoryDisk

NAME = "agency/log"


def entry(index: int, term: int = 1) -> Entry:
    return Entry(index, term, b"x" * index)


async def filled(disk: MemoryDisk, count: int = 5) -> Log:
    """One record and one sync for each entry."""
    log, _, _ = await Log.open(disk)
    for index in range(1, count + 1):
        log.append(Persist(HardState(index, "a"), entries=(entry(index),)))
        await log.sync()
    return log


async def held(disk: MemoryDisk) -> Durable:
    return (await Log.open(disk))[1]


async def test_a_new_folder_holds_nothing() -> None:
    assert await held(MemoryDisk()) == Durable()


async def test_what_was_synced_survives_a_power_loss() -> None:
    disk = MemoryDisk()
    await filled(disk)
    for seed in range(20):
        found = await held(disk.power_loss(Random(seed)))
        assert found == Durable(HardState(5, "a"), Snapshot(), tuple(map(entry, range(1, 6))))


def test_what_an_agent_found_after_a_failed_fsync_survives_the_next_power_loss() -> None:
    async def lives(host: HostDisk) -> tuple[Durable, Durable]:
        disk = ServerDisk(host, "/data", Owner("agent"))
        log, _, _ = await Log.open(disk)
        log.append(Persist(HardState(1, "a"), entries=(entry(1),)))
        host.fails_syncs = True
        with pytest.raises(OSError, match="Input/output"):
            await log.sync()
        host.fails_syncs = False
        found = (await Log.open(disk))[1]
        host.lose_power()
        return found, (await Log.open(disk))[1]

    outcomes = []
    for seed in range(10):
        host = HostDisk("n1", Random(seed), Trace())
        found, again = SimulatedLoop(Random(seed)).run(lives(host))  # type: ignore[abstract]
        assert found == again
        outcomes.append(found == Durable())
    assert {True, False} == set(outcomes), "it may be read from memory, and it may be gone"


async def test_torn_tail_is_cut_and_the_prefix_survives() -> None:
    for seed in range(50):
        disk = MemoryDisk()
        log = await filled(disk)
        log.append(Persist(entries=(entry(6), entry(7))))
        log.append(Persist(entries=(entry(8),)))
        found = await held(disk.power_loss(Random(seed)))
        assert len(found.entries) in (5, 7, 8)
        assert found.entries == tuple(entry(n) for n in range(1, len(found.entries) + 1))


async def test_a_log_goes_on_behind_a_cut() -> None:
    disk = MemoryDisk()
    log = await filled(disk)
    log.append(Persist(entries=(entry(6),)))
    del disk.files[NAME].data[-3:]
    log, found, sentence = await Log.open(disk)
    assert "cut a torn end" in sentence
    assert len(found.entries) == 5
    log.append(Persist(entries=(entry(6, 2),)))
    await log.sync()
    assert (await held(disk)).entries[-1] == entry(6, 2)


@given(st.data())
async def test_a_changed_byte_of_what_was_durable_is_never_taken_for_something_else(
    data: st.DataObject,
) -> None:
    disk = MemoryDisk()
    await filled(disk)
    whole = await held(disk)
    content = disk.files[NAME].data
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        found = await held(disk)
    except CorruptStorage:
        return
    # Only the very last record has nothing behind it that speaks for it.
    assert found.entries == whole.entries[:4]


@pytest.mark.parametrize("at", [0, 30, 100])
async def test_damage_in_the_middle_is_refused(at: int) -> None:
    disk = MemoryDisk()
    await filled(disk)
    disk.files[NAME].data[at] ^= 1
    with pytest.raises(CorruptStorage, match="damaged at offset"):
        await Log.open(disk)


async def test_taking_back_entries_survives_a_restart() -> None:
    disk = MemoryDisk()
    log = await filled(disk)
    log.append(Persist(HardState(9, "b"), truncate_from=4, entries=(entry(4, 9),)))
    await log.sync()
    found = await held(disk)
    assert found.hard_state == HardState(9, "b")
    assert found.entries == (entry(1), entry(2), entry(3), entry(4, 9))


async def test_a_compacted_log_holds_the_same_and_goes_on() -> None:
    disk = MemoryDisk()
    log = await filled(disk)
    log.append(Persist(snapshot=Snapshot(4, 1, b"state"), keep_from=4))
    await log.sync()
    before = await held(disk.killed())
    size = log.size
    await log.compact()
    assert log.size < size
    assert await held(disk.power_loss(Random(1))) == before
    log.append(Persist(entries=(entry(6),)))
    await log.sync()
    found = await held(disk.power_loss(Random(1)))
    assert found.snapshot == Snapshot(4, 1, b"state")
    assert found.entries == (entry(4), entry(5), entry(6))


async def test_the_folder_of_another_agent_is_refused() -> None:
    disk = MemoryDisk()
    await claim(disk, "a", ["a", "b", "c"])
    await claim(disk, "a", ["c", "b", "a"])
    with pytest.raises(CorruptStorage, match="another agent"):
        await claim(disk, "b", ["a", "b", "c"])
    with pytest.raises(CorruptStorage, match="another agent"):
        await claim(disk, "a", ["a"])
