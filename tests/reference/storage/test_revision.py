"""Revisions never repeat and never go back."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.errors import ArangoError
from reference.storage.revision import HybridClock, decode_revision, encode_revision
from tests.reference.storage.memory_disk import ManualClock, MemoryDisk, memory_world


@given(st.integers(1, 2**63 - 1))
def test_a_revision_is_read_back_from_its_spelling(value: int) -> None:
    assert decode_revision(encode_revision(value)) == value


def test_a_known_revision_of_arangodb_is_read_as_its_time() -> None:
    value = decode_revision("_gjDBNZu---")
    assert value is not None
    assert encode_revision(value) == "_gjDBNZu---"
    assert 1_600_000_000_000 < value >> 20 < 1_700_000_000_000


@pytest.mark.parametrize("text", ["", "a/b", "999999999999", "ä", "99999999999"])
def test_what_is_no_revision_is_refused(text: str) -> None:
    assert decode_revision(text) is None


@given(st.lists(st.integers(-10_000, 10_000), max_size=30), st.integers(0, 2**32))
def test_values_grow_however_the_clock_jumps_and_whenever_power_is_lost(
    jumps_ms: list[int], seed: int
) -> None:
    async def life() -> None:
        disk, clock = MemoryDisk(), ManualClock()
        hybrid = await HybridClock.open(memory_world(disk, clock))
        last = 0
        for jump_ms in jumps_ms:
            clock.wall += jump_ms * 1_000_000
            if jump_ms % 7 == 0:
                disk = disk.power_loss(Random(seed))
                hybrid = await HybridClock.open(memory_world(disk, clock))
            if jump_ms % 5 == 0:
                await hybrid.observe(max(0, last + (jump_ms << 20)))
                last = max(last, last + (jump_ms << 20))
            value = hybrid.next()
            assert value > last
            last = value
            await asyncio.sleep(0)
        await hybrid.close()

    asyncio.run(life())


async def test_values_follow_the_wall_clock_when_it_is_sane() -> None:
    clock = ManualClock()
    hybrid = await HybridClock.open(memory_world(clock=clock))
    for _ in range(20):
        await clock.advance(1.0)
        hybrid.next()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert abs((hybrid.next() >> 20) - clock.wall // 1_000_000) <= 2_000


async def test_without_a_durable_bound_values_go_on_by_their_counter() -> None:
    disk, clock = MemoryDisk(), ManualClock()
    hybrid = await HybridClock.open(memory_world(disk, clock))
    disk.space = 0
    first = hybrid.next()
    await clock.advance(3600.0)
    assert first < hybrid.next() < first + (4_000 << 20)
    with pytest.raises(OSError, match="No space"):
        await hybrid.observe(first + (10_000 << 20))


@pytest.mark.parametrize("distance", [1, 2, 1000])
async def test_after_a_value_right_below_the_bound_there_are_values_left(distance: int) -> None:
    """As when a leader writes exactly 3 s after the write that moved the follower's bound."""
    hybrid = await HybridClock.open(memory_world())
    observed = hybrid.next() + (10_000 << 20)
    await hybrid.observe(observed)
    await hybrid.observe(observed + (3_000 << 20) - distance)
    for _ in range(distance + 10):
        assert hybrid.next() > observed
    await hybrid.close()


async def test_an_absurd_time_of_another_server_is_refused() -> None:
    hybrid = await HybridClock.open(memory_world())
    with pytest.raises(ArangoError) as caught:
        await hybrid.observe(2**64 - 1)
    assert caught.value.number == 10
