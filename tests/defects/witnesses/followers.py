"""What members of an active failover answer, and what the next leader knows: witnesses of their defects."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from harness.environment import TransportError
from tests.defects.group import Group, group
from workloads import redirects

_ALL = (("write", False), ("read", False), ("read", True), ("write", True), ("endpoints", False))
_PAUSE_S = 1.0
_USER = "/_api/user/ann/database/_system"


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


@group(servers=3)
async def first_leader_named_for_ever(stage: Group) -> None:
    """The leader dies; a driver that knows only the remaining follower looks for the new one."""
    leader, *others = stage.servers
    stage.stop_serving(leader)
    new = await stage.replaces(*others)
    assert new is not None, "somebody takes over"
    known = next(other for other in others if other != new)
    await asyncio.sleep(3 * _PAUSE_S)
    found = await _drive(stage, known)
    stage.demand(
        found == new,
        *("AF-DRIVERS", "leader-not-found", f"a driver that asks {known} comes to {found}, and {new} leads"),
    )


async def _drive(stage: Group, node: str) -> str | None:
    """Where a driver ends that follows refusals, beginning at a server."""
    for _ in range(len(stage.servers)):
        try:
            reply = await stage.send(node, "GET", "/_api/collection")
        except TransportError:
            return None
        if reply.status == 200:
            return node
        node = urlsplit(reply.headers["x-arango-endpoint"]).hostname or ""
    return None


@group()
async def users_not_followed(stage: Group) -> None:
    """A user is made, and the leader dies when that has been replicated."""
    old, new = stage.servers
    await stage.expect(old, "POST", "/_api/user", {"user": "ann", "passwd": "secret"})
    await stage.expect(old, "PUT", _USER, {"grant": "ro"})
    await _replace(stage, old, new)
    reply = await stage.send(new, "GET", _USER)
    stage.demand(
        reply.status == 200 and reply.json()["result"] == "ro",
        *("AF-USERS", "lost-user", f"of a user that {old} had {new} says {reply.body.decode()}"),
    )


@group()
async def jobs_not_followed(stage: Group) -> None:
    """A job waits in a queue, and the leader dies when that has been replicated."""
    old, new = stage.servers
    await stage.expect(old, "POST", "/_api/collection", {"name": "done"})
    job = {"queue": "late", "status": "pending", "data": {"collection": "done", "document": {"_key": "it"}}}
    await stage.expect(old, "POST", "/_api/document/_jobs", job)
    await _replace(stage, old, new)
    await stage.expect(new, "POST", "/_api/document/_queues", {"_key": "late"})

    async def is_done() -> bool:
        return (await stage.send(new, "GET", "/_api/document/done/it")).status == 200

    stage.demand(
        await stage.happens(is_done, 5),
        *("AF-QUEUES", "job-not-resumed", f"{new} does not execute a job that {old} was given"),
    )


async def _replace(stage: Group, old: str, new: str) -> None:
    await stage.caught_up(new, old)
    await asyncio.sleep(_PAUSE_S)
    stage.stop_serving(old)
    assert await stage.replaces(new) == new
