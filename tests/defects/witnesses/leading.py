"""Who leads, and what a change of leader costs: witnesses of defects of an active failover."""

from __future__ import annotations

import asyncio

from harness.environments.simulation.network import Link
from tests.defects.group import Group, group
from workloads import failover_loss, leadership

_WRITES = (("write", False),)
_PAUSE_S = 1.0


@group(servers=2, late=2)
async def race_without_lock(stage: Group) -> None:
    """A server begins its race on a slow network; another one begins later and wins."""
    slow, quick = stage.servers
    for agent in stage.agents:
        stage.world.network.links[agent, slow] = Link(delay_s=0.3)
    await stage.serve(slow)
    looks = stage.wire.requests

    async def has_looked() -> bool:
        return (slow, "/_api/agency/read") in looks

    await stage.until(has_looked, "it has looked who leads")
    await stage.serve(quick)
    assert await stage.replaces(quick) == quick
    await asyncio.sleep(_PAUSE_S)
    stage.demand(
        await stage.leads(quick) and not await stage.leads(slow),
        *("AF-ELECTION", "stolen-leadership", f"{slow} leads, though {quick} had won and was well"),
    )


@group()
async def leads_until_told_otherwise(stage: Group) -> None:
    """All agents are down, and a server is started again."""
    stage.kill(*stage.agents)
    server = stage.servers[0]
    stage.stop_serving(server)
    await stage.serve(server)
    reply = await stage.first_reply(server, "POST", "/_api/collection", {"name": "c"})
    stage.demand(
        reply.status == 503,
        *("AF-ELECTION", "leader-without-agency", f"{server} takes writes, and there is no agency"),
    )


@group(leadership.workload)
async def lease_without_end(stage: Group) -> None:
    """The leader is cut off from the agency, and from nobody else."""
    leader = stage.servers[0]
    await stage.watch(1, *_WRITES)
    stage.fault("isolation", leader)
    await stage.cut_off(leader, *stage.agents)
    await stage.watch(5, *_WRITES)
    await stage.environment.network.heal()
    stage.fault("isolation", leader, over=True)
    await stage.watch(2, *_WRITES)


@group(leadership.workload)
async def promoted_stays_read_only(stage: Group) -> None:
    """The leader dies and comes back when another one has been named."""
    leader = stage.servers[0]
    await stage.watch(1, *_WRITES)
    stage.fault("kill", leader)
    stage.stop_serving(leader)
    await stage.watch(4, *_WRITES)
    await stage.serve(leader)
    stage.fault("kill", leader, over=True)
    await stage.watch(6, *_WRITES)


@group(leadership.workload)
async def named_waits_for_ever(stage: Group) -> None:
    """The same, and somebody looks for a leader for long."""
    leader = stage.servers[0]
    await stage.watch(1, *_WRITES)
    stage.fault("kill", leader)
    stage.stop_serving(leader)
    await stage.watch(4, *_WRITES)
    await stage.serve(leader)
    stage.fault("kill", leader, over=True)
    await stage.watch(48, *_WRITES, turn_s=_PAUSE_S)


@group(servers=3, late=1)
async def sync_blocks_failover(stage: Group) -> None:
    """The leader dies before a new follower has copied anything; another follower has everything."""
    leader, whole, new = stage.servers
    await stage.cut_off(new, leader)
    await stage.serve(new)
    await asyncio.sleep(2 * _PAUSE_S)
    stage.stop_serving(leader)
    stage.demand(
        await stage.replaces(whole, within_s=10) is not None,
        *("AF-FAILOVER", "no-failover", f"{whole} has everything and does not lead 10 s later"),
    )


@group(servers=3)
async def least_advanced_promoted(stage: Group) -> None:
    """The leader dies; one follower has all that it had, and the other one not."""
    leader, ahead, behind = stage.servers
    await stage.expect(leader, "POST", "/_api/collection", {"name": "c"})
    for follower in (ahead, behind):
        await stage.caught_up(follower, leader)
    await stage.cut_off(leader, behind)
    await asyncio.sleep(_PAUSE_S)
    await stage.expect(leader, "POST", "/_api/document/c", {"_key": "shipped"})
    await stage.caught_up(ahead, leader)
    await asyncio.sleep(_PAUSE_S)
    stage.stop_serving(leader)
    new = await stage.replaces(ahead, behind)
    assert new is not None, "somebody takes over"
    read = await stage.send(new, "GET", "/_api/document/c/shipped")
    stage.demand(
        read.status == 200,
        *("AF-ASYNC-LOSS", "lost-though-shipped", f"{new} leads without a write that {ahead} has"),
    )


@group(failover_loss.workload)
async def diverged_tail_kept(stage: Group) -> None:
    """A leader dies with a write that nobody else has, and comes back when another one leads."""
    old, new = stage.servers
    await _lose_one(stage)
    await stage.serve(old)
    await asyncio.sleep(2 * _PAUSE_S)
    await stage.insert(new, 4)
    await stage.caught_up(old, new)
    await stage.read(new)
    for server in stage.servers:
        await stage.snapshot(server)


@group(failover_loss.workload)
async def tail_not_set_aside(stage: Group) -> None:
    """The same; the write is asked for where the server tells what it has set aside."""
    old, new = stage.servers
    await _lose_one(stage)
    await stage.serve(old)
    await stage.caught_up(old, new)
    shown = await stage.expect(old, "GET", "/_api/replication/applier-state?global=true")
    stage.demand(
        bool(shown["divergedTails"]),
        *("AF-REJOIN", "dropped-silently", f"what {old} alone had is gone, and in no file"),
    )
    await stage.read(new)


async def _lose_one(stage: Group) -> None:
    """Of two writes the second one reaches the leader alone, which dies; the next leader takes one more."""
    old, new = stage.servers
    await stage.insert(old, 1)
    await stage.caught_up(new, old)
    await stage.cut_off(old, new)
    await stage.insert(old, 2)
    await asyncio.sleep(_PAUSE_S)
    stage.stop_serving(old)
    assert await stage.replaces(new) == new
    await stage.environment.network.heal()
    await stage.insert(new, 3)


@group(failover_loss.workload, servers=3)
async def new_leader_not_followed(stage: Group) -> None:
    """A leader dies; the follower that does not replace it has to follow the new one."""
    new, rest = await _replaced(stage)
    await stage.insert(new, 2)
    await stage.happens(await stage.has_all(rest, new), 10)
    await stage.read(new)
    for server in (new, rest):
        await stage.snapshot(server)


@group(failover_loss.workload, servers=3)
async def new_leader_followed_from_newest(stage: Group) -> None:
    """A follower that was away follows a new leader, and then has to replace it in turn."""
    leader, new, rest = stage.servers
    await stage.insert(leader, 1)
    for follower in (new, rest):
        await stage.caught_up(follower, leader)
    await stage.pause(rest)
    stage.stop_serving(leader)
    assert await stage.replaces(new) == new
    await stage.insert(new, 2, 3)
    await stage.resume(rest)
    await asyncio.sleep(2 * _PAUSE_S)
    await stage.insert(new, 4)
    await stage.caught_up(rest, new)
    await asyncio.sleep(_PAUSE_S)
    stage.stop_serving(new)
    assert await stage.replaces(rest) == rest
    await stage.insert(rest, 5)
    await stage.read(rest)


async def _replaced(stage: Group) -> tuple[str, str]:
    """A write that all have, and the death of the leader: the new one, and the remaining follower."""
    leader, *others = stage.servers
    await stage.insert(leader, 1)
    for follower in others:
        await stage.caught_up(follower, leader)
    stage.stop_serving(leader)
    new = await stage.replaces(*others)
    assert new is not None, "somebody takes over"
    return new, next(other for other in others if other != new)
