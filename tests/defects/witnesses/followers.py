"""What members of an active failover answer, and what the next leader knows: witnesses of their defects."""

from __future__ import annotations

import asyncio

from tests.defects.group import Group, group
from workloads import drivers, redirects

_ALL = (("write", False), ("read", False), ("read", True), ("write", True), ("endpoints", False))
_PAUSE_S = 1.0


@group(redirects.workload)
async def follower_accepts_writes(stage: Group) -> None:
    """Everybody is asked for everything."""
    await stage.watch(3, *_ALL)


@group(redirects.workload)
async def follower_answers_reads(stage: Group) -> None:
    """Everybody is asked for everything."""
    await stage.watch(3, *_ALL)


@group(redirects.workload)
async def dirty_mark_missing(stage: Group) -> None:
    """Everybody is asked for everything."""
    await stage.watch(3, *_ALL)


@group(redirects.workload)
async def leader_marks_its_reads(stage: Group) -> None:
    """Everybody is asked for everything."""
    await stage.watch(3, *_ALL)


@group(redirects.workload)
async def endpoint_missing(stage: Group) -> None:
    """Everybody is asked for everything."""
    await stage.watch(3, *_ALL)


@group(redirects.workload)
async def dirty_reads_refused(stage: Group) -> None:
    """Everybody is asked for everything."""
    await stage.watch(3, *_ALL)


@group(redirects.workload)
async def endpoints_remembered(stage: Group) -> None:
    """The leader dies, and comes back long after another one has been named."""
    await _lead_again(stage)


async def _lead_again(stage: Group) -> None:
    leader = stage.servers[0]
    await stage.watch(2, *_ALL)
    stage.fault("kill", leader)
    stage.stop_serving(leader)
    await stage.watch(4, *_ALL)
    await stage.serve(leader)
    stage.fault("kill", leader, over=True)
    await stage.watch(6, *_ALL)


@group()
async def database_before_leader(stage: Group) -> None:
    """A follower is asked for a database that the leader has just got."""
    leader, follower = stage.servers
    await stage.expect(leader, "POST", "/_api/database", {"name": "new"})
    reply = await stage.send(follower, "GET", "/_db/new/_api/collection")
    stage.demand(
        (reply.status, reply.error) == (503, 1496),
        *(
            "AF-503-ENDPOINT",
            "wrong-refusal",
            f"{follower} does not lead, and says {reply.status}/{reply.error}",
        ),
    )


@group(redirects.workload, servers=3)
async def first_leader_named_for_ever(stage: Group) -> None:
    """The leader dies, and comes back long after another one has been named."""
    await _lead_again(stage)


@group(drivers.workload, servers=3)
async def second_leader_not_named(stage: Group) -> None:
    """A leader dies; drivers look for the new one, from everywhere."""
    await _drive(stage)


@group(drivers.workload)
async def users_remembered(stage: Group) -> None:
    """A leader dies; the new one is asked for the users of the old one."""
    await _drive(stage)


@group(drivers.workload)
async def queues_stay_still(stage: Group) -> None:
    """A leader dies; the new one has jobs of the old one in a queue that is then opened."""
    await _drive(stage, patience_s=26.0)


@group(drivers.workload)
async def users_not_followed(stage: Group) -> None:
    """A leader dies; the new one is asked for the users of the old one."""
    await _drive(stage)


@group(drivers.workload)
async def jobs_not_followed(stage: Group) -> None:
    """A leader dies; the new one has jobs of the old one in a queue that is then opened."""
    await _drive(stage)


async def _drive(stage: Group, *, patience_s: float = 0.0) -> None:
    """Users and jobs for one leader, which dies and comes back, and all that drivers want of the next one."""
    old, *others = stage.servers
    await stage.at_server(old, "observe")
    for number in range(8):
        await stage.at_server(old, "job" if number % 2 else "user", number)
    await stage.at_server(old, "observe")
    for follower in others:
        await stage.caught_up(follower, old)
    await asyncio.sleep(_PAUSE_S)
    stage.fault("kill", old)
    stage.stop_serving(old)
    new = await stage.replaces(*others)
    assert new is not None, "somebody takes over"
    await stage.serve(old)
    await stage.caught_up(old, new)
    stage.fault("kill", old, over=True)
    await stage.at_server(new, "open")
    await stage.at_server(new, "read", {"dirty": False})
    for pause_s in (5.5, *(0.1,) * 7, patience_s):
        for server in range(len(stage.servers)):
            for way in ("refusal", "list"):
                await stage.at_server(new, "find", {"server": server, "way": way})
        await asyncio.sleep(pause_s)
    await stage.at_server(new, "observe")
    await stage.at_server(new, "read", {"dirty": False})
    for number in range(0, 8, 2):
        await stage.at_server(new, "look", number)
    await stage.at_server(new, "observe")
    await stage.at_server(new, "read", {"dirty": False})
