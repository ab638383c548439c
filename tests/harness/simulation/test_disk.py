"""What a power loss may leave of a file, and what it may not."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.environments.simulation.disk import HostDisk, ServerDisk
from harness.environments.simulation.loop import Owner, SimulatedLoop
from harness.environments.simulation.trace import Trace


class _Bench:
    """A host's disk and the server on it."""

    def __init__(self, seed: int = 0) -> None:
        self.host = HostDisk("n1", Random(seed), Trace())
        self.owner = Owner("n1/server/1")
        self.disk = ServerDisk(self.host, "/data", self.owner)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        SimulatedLoop(Random(0)).run(work)  # type: ignore[abstract]  # refuses what it lacks

    def content(self, name: str) -> bytes:
        file = ServerDisk(self.host, "/data", Owner("reader")).open(name)
        return file.read(0, file.size)


_writes = st.lists(st.binary(min_size=1, max_size=20), max_size=8)


@given(seed=st.integers(0, 10_000), synced=_writes, unsynced=_writes)
def test_what_was_synced_survives_and_nothing_is_invented(
    seed: int, synced: list[bytes], unsynced: list[bytes]
) -> None:
    bench = _Bench(seed)

    async def write() -> None:
        file = bench.disk.open("f")
        for data in synced:
            file.append(data)
        await file.sync()
        for data in unsynced:
            file.append(data)

    bench.run(write())
    bench.host.lose_power()
    kept, durable, all_of_it = bench.content("f"), b"".join(synced), b"".join([*synced, *unsynced])
    assert kept.startswith(durable)
    assert len(kept) <= len(all_of_it)
    assert all(kept[at] in (all_of_it[at], 0) for at in range(len(durable), len(kept)))


def test_some_seed_keeps_all_none_a_part_a_torn_and_a_holey_tail() -> None:
    def kept(seed: int) -> bytes:
        bench = _Bench(seed)
        file = bench.disk.open("f")
        for data in (b"aaaa", b"bbbb", b"cccc"):
            file.append(data)
        bench.host.lose_power()
        return bench.content("f")

    found = {kept(seed) for seed in range(500)}
    assert {b"", b"aaaa", b"aaaabbbb", b"aaaabbbbcccc"} <= found
    assert any(len(content) % 4 for content in found)
    assert b"\0\0\0\0bbbb" in found


def test_a_kill_keeps_what_was_written() -> None:
    bench = _Bench()
    bench.disk.open("f").append(b"written")
    bench.owner.dead = True
    assert bench.content("f") == b"written"


def test_a_dead_server_touches_nothing() -> None:
    bench = _Bench()
    file = bench.disk.open("f")
    bench.owner.dead = True
    with pytest.raises(asyncio.CancelledError):
        file.append(b"x")
    with pytest.raises(asyncio.CancelledError):
        bench.disk.open("g")
    assert bench.content("f") == b""


def test_what_is_written_while_a_sync_runs_is_not_synced_by_it() -> None:
    kept = set()
    for seed in range(200):
        bench = _Bench(seed)
        file = bench.disk.open("f")
        file.append(b"before")

        async def write(file: Any = file) -> None:
            syncing = asyncio.ensure_future(file.sync())
            await asyncio.sleep(0.00001)
            file.append(b"during")
            await syncing

        bench.run(write())
        bench.host.lose_power()
        kept.add(bench.content("f"))
    assert b"before" in kept
    assert all(content.startswith(b"before") for content in kept)


def test_two_syncs_at_once_do_not_claim_more_than_was_written() -> None:
    bench = _Bench()
    file = bench.disk.open("f")

    async def write() -> None:
        file.append(b"one")
        first = asyncio.ensure_future(file.sync())
        await asyncio.sleep(0.00001)
        file.append(b"two")
        await asyncio.gather(first, file.sync())
        file.append(b"three")

    bench.run(write())
    platter = bench.host.files["/data/f"]
    assert (platter.synced, platter.unsynced) == (6, [6])


def test_a_cut_that_was_not_synced_may_be_undone() -> None:
    def kept(seed: int) -> bytes:
        bench = _Bench(seed)

        async def write() -> None:
            file = bench.disk.open("f")
            file.append(b"good and bad")
            await file.sync()
            file.truncate(4)

        bench.run(write())
        bench.host.lose_power()
        return bench.content("f")

    assert {kept(seed) for seed in range(50)} == {b"good", b"good and bad"}


def test_a_file_that_was_never_synced_may_be_gone() -> None:
    bench = _Bench()
    bench.disk.open("f")
    bench.host.lose_power()
    assert not bench.disk.exists("f")


def test_a_replaced_file_is_old_or_new_whenever_the_power_goes() -> None:
    found = set()
    for seed in range(40):
        bench = _Bench(seed)

        async def write(bench: _Bench = bench) -> None:
            await bench.disk.replace("f", b"old")
            replacing = asyncio.ensure_future(bench.disk.replace("f", b"new"))
            await asyncio.sleep(0.00001)
            bench.owner.dead = True
            bench.host.lose_power()
            await asyncio.wait([replacing])

        bench.run(write())
        found.add(bench.content("f"))
    assert found == {b"old", b"new"}


def test_renamed_and_removed_files_stay_so() -> None:
    bench = _Bench()

    async def change() -> None:
        await bench.disk.replace("a", b"1")
        await bench.disk.replace("b", b"2")
        await bench.disk.rename("a", "c")
        await bench.disk.remove("b")
        await bench.disk.remove("nobody")

    bench.run(change())
    bench.host.lose_power()
    assert bench.disk.list("") == ["c"]


def test_a_full_disk_takes_what_fits() -> None:
    bench = _Bench()
    bench.host.capacity_bytes = 5
    file = bench.disk.open("f")
    with pytest.raises(OSError, match="No space") as refused:
        file.append(b"too much")
    assert refused.value.errno == errno.ENOSPC
    assert bench.content("f") == b"too m"
    assert bench.host.refusals == 1


def test_a_failing_disk_answers_with_an_error() -> None:
    bench = _Bench()
    file = bench.disk.open("f")
    bench.host.is_failing = True
    with pytest.raises(OSError, match="Input/output"):
        file.append(b"x")
    with pytest.raises(OSError, match="Input/output"):
        bench.run(file.sync())


async def _fail_to_sync(bench: _Bench) -> None:
    file = bench.disk.open("f")
    file.append(b"durable")
    await file.sync()
    file.append(b"doomed")
    bench.host.fails_syncs = True
    with pytest.raises(OSError, match="Input/output"):
        await file.sync()
    bench.host.fails_syncs = False
    file.append(b"later")
    await file.sync()


def test_what_a_failed_sync_was_to_write_no_later_one_writes() -> None:
    for seed in range(20):
        bench = _Bench(seed)
        bench.run(_fail_to_sync(bench))
        bench.host.lose_power()
        assert bench.content("f") == b"durable" + bytes(len(b"doomed")) + b"later"


def test_what_a_failed_sync_has_left_in_memory_may_be_read_or_gone_when_the_file_is_opened_again() -> None:
    found = set()
    for seed in range(20):
        bench = _Bench(seed)
        bench.run(_fail_to_sync(bench))
        found.add(bench.content("f"))
    assert found == {b"durabledoomedlater", b"durable" + bytes(len(b"doomed")) + b"later"}


def test_a_failed_sync_leaves_nothing_at_the_end_of_a_file_that_lost_power() -> None:
    bench = _Bench()

    async def write() -> None:
        file = bench.disk.open("f")
        file.append(b"doomed")
        bench.host.fails_syncs = True
        with pytest.raises(OSError, match="Input/output"):
            await file.sync()

    bench.run(write())
    bench.host.lose_power()
    assert bench.host.files == {}


def test_what_is_replaced_or_cut_after_a_failed_sync_is_as_durable_as_ever() -> None:
    for whole in (True, False):
        bench = _Bench()

        async def mend(bench: _Bench = bench, whole: bool = whole) -> None:
            await _fail_to_sync(bench)
            if whole:
                await bench.disk.replace("f", b"new")
            else:
                file = bench.disk.open("f")
                file.truncate(3)
                await file.sync()

        bench.run(mend())
        bench.host.lose_power()
        assert bench.content("f") == (b"new" if whole else b"dur")


def test_a_flipped_bit_is_one_bit() -> None:
    bench = _Bench()
    bench.run(bench.disk.replace("f", b"\0" * 10))
    at = bench.host.flip_bit("/data/f")
    content = bench.content("f")
    assert content[at].bit_count() == 1
    assert sum(content) == content[at]


def test_every_boundary_has_a_number_and_may_be_the_last() -> None:
    bench = _Bench()
    passed: list[tuple[int, str]] = []

    def at_boundary(number: int, what: str) -> None:
        passed.append((number, what))
        bench.owner.dead = number == 3

    bench.host.at_boundary = at_boundary

    async def write() -> None:
        file = bench.disk.open("f")
        file.append(b"x")
        with pytest.raises(asyncio.CancelledError):
            await file.sync()

    bench.run(write())
    assert passed == [(1, "before write /data/f"), (2, "after write /data/f"), (3, "before sync /data/f")]
    assert bench.host.files["/data/f"].synced == 0
