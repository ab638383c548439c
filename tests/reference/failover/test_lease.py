"""The lease, in virtual time: what holds while clocks go right, and what happens if one does not.

The assumption of the package is that no clock's rate is wrong by more than DRIFT.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from random import Random

import pytest

from reference.failover.lease import DRIFT, Lease, Watch, waiting_s
from tests.reference.failover.group import GRACE_S, LEASE_S
from tests.reference.failover.room import Host, Room, in_virtual_time
from tests.reference.storage.memory_disk import ManualClock


def test_a_lease_counts_from_the_moment_before_the_renewal_was_sent() -> None:
    clock = ManualClock()
    lease = Lease(clock, 1.0)
    found = [lease.is_valid]
    sent_ns = clock.monotonic_ns()
    for step_ns in (900_000_000, 99_999_999, 1):
        clock.now_ns += step_ns
        lease.renewed(sent_ns)  # the same answer again, later and later: it gives nothing more
        found.append(lease.is_valid)
    assert found == [False, True, True, False]


def test_the_slowest_leader_is_done_when_the_fastest_clock_says_so() -> None:
    true_s = 1.0 / (1 - DRIFT)  # in which the slowest clock that is allowed counts the whole lease
    assert waiting_s(1.0) >= true_s * (1 + DRIFT)


def test_an_answer_that_overtakes_another_does_not_shorten_the_lease() -> None:
    clock = ManualClock()
    lease = Lease(clock, 1.0)
    early_ns = clock.monotonic_ns()
    clock.now_ns += 500_000_000
    lease.renewed(clock.monotonic_ns())
    lease.renewed(early_ns)
    clock.now_ns += 900_000_000
    found = [lease.is_valid]
    lease.give_up()
    assert [*found, lease.is_valid] == [True, False]


def test_a_watch_counts_from_when_it_saw_the_record_itself() -> None:
    clock = ManualClock()
    watch = Watch(clock)
    assert watch.is_over(), "there is no record"
    record = {"holder": "a", "renewal": 1, "seconds": 1.0, "released": False}
    clock.now_ns += 50_000_000_000
    watch.saw(record)
    assert not watch.is_over()
    clock.now_ns += int(waiting_s(1.0) * 1e9) - 1
    watch.saw(dict(record))
    assert not watch.is_over()
    clock.now_ns += 2
    assert watch.is_over()
    assert not watch.is_over(grace_s=5.0)
    watch.saw({**record, "renewal": 2})
    assert not watch.is_over(), "it lives"
    watch.saw({**record, "renewal": 3, "released": True})
    assert watch.is_over(grace_s=5.0)


async def split(room: Room, *, until_s: float) -> dict[str, list[tuple[float, str]]]:
    """Cut the leader off from agency and follower, and write to both: what each acknowledged, and when."""
    old, new = room.servers
    assert (await old.call("POST", "/_api/collection", {"name": "c"})).status == 200
    await room.follows(new, old)
    room.cut(old, *room.agents, new)
    acknowledged: dict[str, list[tuple[float, str]]] = {"old": [], "new": []}
    ends_s = room.loop.time() + until_s
    number = 0
    while room.loop.time() < ends_s:
        for name, server in (("old", old), ("new", new)):
            number += 1
            reply = await server.call("POST", "/_api/document/c", {"_key": f"{name}-{number}"})
            if reply.status in (201, 202):
                acknowledged[name].append((room.loop.time(), f"{name}-{number}"))
            else:
                assert json.loads(reply.body)["errorNum"] in (1495, 1496)
        await asyncio.sleep(0.02)
    return acknowledged


@pytest.mark.parametrize(
    ("leader_rate", "agents_rate"),
    [(1.0, 1.0), (1 - DRIFT, 1 + DRIFT), (1 + DRIFT, 1 - DRIFT), (1 - DRIFT, 1 - DRIFT)],
)
def test_clocks_within_the_assumption_never_give_two_leaders(leader_rate: float, agents_rate: float) -> None:
    async def scene() -> None:
        room = Room((leader_rate, 1.0), agents_rate=agents_rate)
        await room.start()
        found = await split(room, until_s=6.0)
        assert found["old"]
        assert found["new"]
        assert max(found["old"]) < min(found["new"])
        await room.stop()

    in_virtual_time(scene())


def test_a_leader_whose_clock_runs_far_too_slow_answers_beside_the_new_one_and_its_writes_are_set_aside() -> (
    None
):
    """The assumption broken on purpose: five times too slow. Two leaders, for as long as the lease lasts."""

    async def scene() -> None:
        slow = 0.2
        room = Room((slow, 1.0))
        await room.start()
        old, new = room.servers
        found = await split(room, until_s=8.0)
        first_of_new = min(found["new"])[0]
        together = [(when, key) for when, key in found["old"] if when > first_of_new]
        assert together, "both acknowledged writes at the same time"
        longest_s = LEASE_S / slow - LEASE_S
        assert max(found["old"])[0] - first_of_new < longest_s, (
            "but no longer than the lease by the slow clock"
        )
        room.mend()
        await room.follows(old, new)
        lost = {key for _, key in together}
        assert lost & await new.keys("c") == set(), "what it acknowledged meanwhile is lost"
        assert lost <= old.diverged_keys("c"), "but not silently"
        assert await old.keys("c") == await new.keys("c")
        assert any("set aside" in line for line in old.log)
        await room.stop()

    in_virtual_time(scene())


async def disturb(room: Room, random: Random) -> None:
    """One fault after the other: cuts of all kinds, and crashes."""
    for _ in range(12):
        await asyncio.sleep(random.uniform(0.1, 2.0))
        victim = random.choice(room.servers)
        kind = random.choice(("from agency", "from agent", "from all", "crash", "agents", "mend"))
        if kind == "from agency":
            room.cut(victim, *room.agents)
        elif kind == "from agent":
            room.cut(victim, random.choice(room.agents))
        elif kind == "from all":
            room.cut(victim, *room.agents, *(other for other in room.servers if other is not victim))
        elif kind == "agents":
            room.cut(*random.sample(room.agents, 2))
        elif kind == "mend":
            room.mend()
        else:
            await victim.crash()
            await asyncio.sleep(random.uniform(0.0, 3.0))
            await victim.start()
    room.mend()


async def write(room: Room, acknowledged: dict[str, str]) -> None:
    """Write to whoever answers, for ever."""
    number = 0
    while True:
        for server in room.servers:
            if server.process is None:
                continue
            number += 1
            reply = await server.call("POST", "/_api/document/c", {"_key": f"k{number}"})
            if reply.status in (201, 202):
                acknowledged[f"k{number}"] = server.name
        await asyncio.sleep(0.05)


async def watch(room: Room, takeovers: list[str]) -> None:
    """At every moment at most one server answers as leader."""
    while True:
        leaders = [server.name for server in room.servers if server.leads]
        assert len(leaders) <= 1, leaders
        if leaders and leaders[0] != (takeovers or [""])[-1]:
            takeovers += leaders
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_cut_or_crashes_there_is_one_leader_and_all_become_equal(seed: int) -> None:
    async def scene() -> None:
        random = Random(seed)
        rates = tuple(random.uniform(1 - DRIFT, 1 + DRIFT) for _ in range(3))
        room = Room(rates, agents=3, agents_rate=random.uniform(1 - DRIFT, 1 + DRIFT), seed=seed)
        await room.start()
        assert (await room.servers[0].call("POST", "/_api/collection", {"name": "c"})).status == 200
        acknowledged: dict[str, str] = {}
        takeovers: list[str] = []
        watching = asyncio.create_task(watch(room, takeovers))
        writing = asyncio.create_task(write(room, acknowledged))
        await disturb(room, random)
        await asyncio.sleep(2 * GRACE_S)
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        await room.until(lambda: any(server.leads for server in room.servers), "somebody leads")
        (leader,) = [server for server in room.servers if server.leads]
        for server in room.servers:
            if server is not leader:
                await room.follows(server, leader)
        assert not watching.done() or watching.exception() is None, watching.exception()
        watching.cancel()
        await equal(room, leader, set(acknowledged))
        assert takeovers
        await room.stop()

    in_virtual_time(scene())


async def equal(room: Room, leader: Host, acknowledged: set[str]) -> None:
    """The same everywhere, and what is missing was set aside by somebody."""
    kept = await leader.keys("c")
    for server in room.servers:
        assert await server.keys("c") == kept
    aside = {key for server in room.servers for key in server.diverged_keys("c")}
    assert acknowledged - kept <= aside, "lost, and not set aside"
