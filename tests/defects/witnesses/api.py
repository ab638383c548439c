"""What a request means: witnesses of defects of the HTTP interface."""

from __future__ import annotations

import asyncio

from tests.defects.stage import APPLIER, FOLLOWER, LEADER, Stage, witness
from workloads import register
from workloads import set as sets


@witness()
async def if_match_checked_early(stage: Stage) -> None:
    """Two compare-and-sets of one value, one shortly after the other."""
    await stage.play(register.workload)
    await stage.do("write", 1, key=0)
    first = asyncio.create_task(stage.do("cas", [1, 2], key=0, process=1))
    await asyncio.sleep(0.005)
    await stage.do("cas", [1, 3], key=0, process=2)
    await first
    await stage.see("read", key=0)
    stage.judge()


@witness()
async def batch_ignores_if_match(stage: Stage) -> None:
    """An array with a document of an old revision."""
    await stage.expect(LEADER, "POST", "/_api/collection", {"name": "c"})
    old = await stage.put(LEADER, "c", "k", 1)
    await stage.put(LEADER, "c", "k", 2)
    array = [{"_key": "k", "_rev": old, "n": 3}]
    answers = await stage.expect(LEADER, "PUT", "/_api/document/c?ignoreRevs=false", array)
    stage.demand(
        answers[0].get("errorNum") == 1200,
        *("S-LINEARIZABLE", "lost-update", f"an old _rev is answered {answers[0]}"),
    )


@witness()
async def slow_write_repeated(stage: Stage) -> None:
    """An add to a slow disk."""
    await stage.play(sets.workload)
    await stage.environment.disks.fault(LEADER, "slow")
    await stage.do("add", 1)
    await stage.see("read")
    stage.judge()


@witness("--server.authentication", "true", nodes=2)
async def wrong_password_accepted(stage: Stage) -> None:
    """A follower with a wrong password."""
    known = {"authorization": "Basic cm9vdDo="}  # root, without a password
    wanted = {**APPLIER, "endpoint": stage.endpoint(LEADER), "username": "root", "password": "wrong"}
    reply = await stage.send(FOLLOWER, "PUT", "/_api/replication/make-follower", wanted, known)
    stage.demand(reply.status >= 400, "LF-AUTH", "wrong-password", "a wrong password is let in")
    right = await stage.send(
        FOLLOWER, "PUT", "/_api/replication/make-follower", {**wanted, "password": ""}, known
    )
    assert right.status == 200, f"the right password is refused: {right.body!r}"
