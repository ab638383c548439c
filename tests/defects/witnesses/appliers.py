"""Set-up, configuration and scope of replication: witnesses of defects that single requests show."""

from __future__ import annotations

import asyncio

import msgspec

from harness.environments.simulation.loop import Owner
from reference.world import Request, Response
from tests.defects.stage import APPLIER, FOLLOWER, LEADER, Stage, witness

_FORGETFUL = ("--rocksdb.wal-file-timeout", "0", "--rocksdb.wal-file-timeout-initial", "0")
_APPLIER = "/_api/replication/applier-"
_PROXY = 9999


@witness(nodes=2)
async def autostart_unasked(stage: Stage) -> None:
    """An applier that is configured without autoStart, and a restart."""
    await _create(stage, "c")
    await _sync_and_start(stage)
    assert (await stage.applier())["running"]
    await stage.restart(FOLLOWER)
    await asyncio.sleep(1)
    running = (await stage.applier())["running"]
    stage.demand(not running, "LF-AUTOSTART-OFF", "started-unasked", "the applier runs after a restart")


@witness(nodes=2)
async def set_up_not_durable(stage: Stage) -> None:
    """The follower loses its power right after its set-up."""
    await stage.follow()
    stage.lose_power(FOLLOWER)
    await stage.start(FOLLOWER)
    runs = await stage.caught_up()
    error = (await stage.applier())["lastError"]
    stage.demand(runs, "LF-AUTOSTART-ON", "not-resumed", f"the applier does not resume: {error}")


@witness(nodes=2)
async def resync_without_bound(stage: Stage) -> None:
    """No start tick, and a leader that does not answer."""
    await _forgotten(stage, autoResyncRetries=2)
    stage.kill(LEADER)
    await stage.expect(FOLLOWER, "PUT", f"{_APPLIER}start")
    await asyncio.sleep(10)
    resyncs = (await stage.applier())["totalResyncs"]
    assert resyncs > 0, "no resync was tried"
    stage.demand(resyncs <= 2, "LF-RESYNC-RETRIES", "too-many-resyncs", f"{resyncs} resyncs in a row, of 2")


@witness(nodes=2)
async def system_collections_replicated(stage: Stage) -> None:
    """A system collection on the leader."""
    await _create(stage, "_own", isSystem=True)
    await stage.follow(includeSystem=False)
    stage.demand(
        "_own" not in await stage.collections(FOLLOWER),
        *(
            "LF-INCLUDE-SYSTEM",
            "leaked-collection",
            "_own is on the follower, in spite of includeSystem=false",
        ),
    )


@witness(nodes=2)
async def queues_replicated(stage: Stage) -> None:
    """A job in the leader's queue."""
    await _put_into_system(stage, "_jobs")
    await stage.follow(includeSystem=True)
    await _demand_nothing_in(stage, "_jobs", "LF-FOXX-QUEUES")


@witness(nodes=2)
async def excluded_collections_leave(stage: Stage) -> None:
    """Something in the leader's _apps."""
    await _put_into_system(stage, "_apps")
    await stage.follow(includeSystem=True)
    await _demand_nothing_in(stage, "_apps", "LF-EXCLUDED")


@witness(nodes=2)
async def restriction_not_in_tail(stage: Stage) -> None:
    """A collection is created that the follower does not want."""
    await _create(stage, "wanted")
    await stage.follow(restrictType="include", restrictCollections=["wanted"])
    await _create(stage, "late")
    await stage.put(LEADER, "wanted", "k", 1)
    assert await stage.caught_up()
    assert await stage.contents(FOLLOWER, "wanted") == {"k": 1}
    stage.demand(
        "late" not in await stage.collections(FOLLOWER),
        *("LF-CONVERGE", "leaked-collection", "late is on the follower, which is restricted to another"),
    )


@witness(nodes=2)
async def other_database_replicated(stage: Stage) -> None:
    """A collection is created in another database of the leader."""
    await stage.expect(LEADER, "POST", "/_api/database", {"name": "other"})
    await stage.follow()
    await stage.expect(LEADER, "POST", "/_db/other/_api/collection", {"name": "foreign"})
    await stage.caught_up()
    stage.demand(
        "foreign" not in await stage.collections(FOLLOWER),
        *("LF-PER-DATABASE", "leaked-collection", "a collection of another database is on the follower"),
    )


@witness(nodes=2)
async def applier_errors_swallowed(stage: Stage) -> None:
    """Somebody drops a collection on the follower that the leader writes to."""
    await _create(stage, "c")
    await stage.follow()
    await stage.expect(FOLLOWER, "DELETE", "/_api/collection/c")
    await stage.put(LEADER, "c", "k", 1)
    runs = await stage.caught_up()
    error = (await stage.applier())["lastError"]["errorNum"]
    stage.demand(
        not runs and error == 1203,
        *("LF-APPLIER-STOPS", "went-on-after-error", f"the applier goes on, its last error is {error}"),
    )


@witness()
async def follows_itself(stage: Stage) -> None:
    """A server is told to follow itself."""
    wanted = {**APPLIER, "endpoint": stage.endpoint(LEADER)}
    reply = await stage.send(LEADER, "PUT", "/_api/replication/make-follower", wanted)
    stage.demand(reply.error == 1405, "LF-NO-SELF", "loop", f"the answer is {reply.status}/{reply.error}")


@witness(nodes=2)
async def other_version_accepted(stage: Stage) -> None:
    """Between leader and follower stands something that gives the leader another version."""

    async def forward(request: Request) -> Response:
        connection = stage.environment.transport(LEADER, int(stage.endpoint(LEADER).rsplit(":", 1)[1]))
        answer = await connection.request(
            request.method, request.target, headers=request.headers, body=request.body, timeout_s=5
        )
        body = answer.body
        if "logger-state" in request.target:
            state = msgspec.json.decode(body)
            state["server"]["version"] = "3.8.0"
            body = msgspec.json.encode(state)
        return Response(answer.status, answer.headers, body)

    stage.world.network.listen(LEADER, _PROXY, forward, Owner("proxy"))
    wanted = {**APPLIER, "endpoint": f"tcp://{LEADER}:{_PROXY}"}
    reply = await stage.send(FOLLOWER, "PUT", "/_api/replication/make-follower", wanted)
    stage.demand(
        reply.error == 1403, "LF-SAME-VERSION", "other-version", f"the answer is {reply.status}/{reply.error}"
    )


@witness(nodes=2)
async def other_leader_accepted(stage: Stage) -> None:
    """The leader comes back without its data, and is written to beyond the follower's tick."""
    await _create(stage, "c")
    await stage.follow()
    for number in range(5):
        await stage.put(LEADER, "c", f"old-{number}", number)
    assert await stage.caught_up()
    stage.kill(LEADER)
    stage.disk(LEADER).files.clear()
    await asyncio.sleep(2)  # the follower misses its leader, and greets whoever is there afterwards
    await stage.start(LEADER)
    for number in range(20):
        await _create(stage, f"new-{number}")
    runs = await stage.caught_up()
    theirs, ours = [await stage.collections(node) for node in stage.nodes]
    stage.demand(
        not runs or sorted(ours) == sorted(theirs),
        *("LF-CONVERGE", "divergence", f"running and caught up: {ours}, not {theirs}"),
    )


@witness(nodes=2)
async def half_sync_resumed(stage: Stage) -> None:
    """The follower is killed at the first write of a sync."""
    await _create(stage, "c")
    await stage.put(LEADER, "c", "k", 1)
    await stage.follow()
    await stage.expect(FOLLOWER, "PUT", f"{_APPLIER}stop")
    await asyncio.sleep(1)

    async def sync() -> None:
        wanted = {**APPLIER, "endpoint": stage.endpoint(LEADER)}
        await stage.send(FOLLOWER, "PUT", "/_api/replication/sync", wanted)

    with stage.at(FOLLOWER, "after sync", lambda: stage.kill(FOLLOWER)):
        await asyncio.gather(sync(), return_exceptions=True)
    await stage.start(FOLLOWER)
    await _demand_equal_if_running(stage, "c")


@witness(nodes=2)
async def sync_keeps_surplus(stage: Stage) -> None:
    """A collection that only the follower has."""
    await stage.expect(FOLLOWER, "POST", "/_api/collection", {"name": "mine"})
    await stage.expect(
        FOLLOWER, "PUT", "/_api/replication/sync", {**APPLIER, "endpoint": stage.endpoint(LEADER)}
    )
    stage.demand(
        "mine" not in await stage.collections(FOLLOWER),
        *(
            "LF-SYNC-OVERWRITES",
            "surplus-collection",
            "the follower has a collection that its leader has not",
        ),
    )


@witness(nodes=2)
async def set_up_answers_early(stage: Stage) -> None:
    """One document on the leader."""
    await _create(stage, "c")
    await stage.put(LEADER, "c", "k", 1)
    await stage.follow()
    reply = await stage.send(FOLLOWER, "GET", "/_api/document/c/k")
    stage.demand(
        reply.status == 200, "LF-SETUP", "answered-early", f"when it answers a document is {reply.status}"
    )


@witness(nodes=2)
async def old_configuration_kept(stage: Stage) -> None:
    """Two set-ups."""
    await stage.follow(chunkSize=4096)
    await stage.follow()
    size = (await stage.expect(FOLLOWER, "GET", f"{_APPLIER}config"))["chunkSize"]
    stage.demand(
        size == 0, "LF-SETUP-AGAIN", "old-configuration", f"chunkSize is {size}, of the first set-up"
    )


@witness(nodes=2)
async def idle_pause_unbounded(stage: Stage) -> None:
    """Twenty quiet seconds, and a write."""
    await _create(stage, "c")
    await stage.follow()
    await asyncio.sleep(20)
    await stage.put(LEADER, "c", "k", 1)
    await asyncio.sleep(1)
    found = await stage.contents(FOLLOWER, "c")
    stage.demand(
        found == {"k": 1},
        "LF-POLLING",
        "paused-too-long",
        "a second later, at 0.3 s between polls, it is not there",
    )


@witness(nodes=2)
async def dropped_collection_stays(stage: Stage) -> None:
    """A collection is dropped."""
    await _create(stage, "c")
    await stage.follow()
    await stage.expect(LEADER, "DELETE", "/_api/collection/c")
    assert await stage.caught_up()
    stage.demand(
        "c" not in await stage.collections(FOLLOWER),
        *("LF-CONVERGE", "surplus-collection", "the follower has a collection that was dropped"),
    )


@witness()
async def dump_outside_snapshot(stage: Stage) -> None:
    """A write between the snapshot and the dump."""
    await _create(stage, "c")
    await stage.put(LEADER, "c", "k", 1)
    batch = await stage.expect(LEADER, "POST", "/_api/replication/batch?state=true", {"ttl": 60})
    await stage.put(LEADER, "c", "k", 2)
    path = f"/_api/replication/dump?collection=c&useEnvelope=false&batchId={batch['id']}"
    dumped = (await stage.expect(LEADER, "GET", path))["n"]
    stage.demand(
        dumped == 1,
        "LF-SYNC-TICK",
        "not-a-snapshot",
        f"the dump at tick {batch['lastTick']} shows what came later",
    )


@witness(*_FORGETFUL, nodes=2)
async def pinned_log_pruned(stage: Stage) -> None:
    """The leader prunes its log between a sync and the start of tailing."""
    await _create(stage, "c")
    wanted = {**APPLIER, "endpoint": stage.endpoint(LEADER)}
    tick = (await stage.expect(FOLLOWER, "PUT", "/_api/replication/sync", wanted))["lastLogTick"]
    await stage.put(LEADER, "c", "k", 1)
    await stage.expect(LEADER, "PUT", "/_admin/wal/flush")
    await asyncio.sleep(3)
    await stage.expect(FOLLOWER, "PUT", f"{_APPLIER}config", wanted)
    await stage.expect(FOLLOWER, "PUT", f"{_APPLIER}start?from={tick}")
    runs = await stage.caught_up()
    error = (await stage.applier())["lastError"]
    stage.demand(runs, "LF-SYNC-TICK", "start-tick-gone", f"the applier stopped with {error}")


@witness("--rocksdb.sync-interval", "0", nodes=2)
async def tail_serves_unsynced(stage: Stage) -> None:
    """The leader loses its power after its follower has copied something that nobody synced."""
    await _create(stage, "c")
    await stage.follow()
    await stage.put(LEADER, "c", "k", 1)
    assert await stage.caught_up()
    stage.lose_power(LEADER)
    await stage.start(LEADER)
    kept, copied = await stage.contents(LEADER, "c"), await stage.contents(FOLLOWER, "c")
    assert copied == {"k": 1}
    stage.demand(
        kept == copied,
        "LF-ORDER",
        "phantom-on-follower",
        f"the follower has {copied}, the leader's log {kept}",
    )


async def _create(stage: Stage, name: str, **properties: object) -> None:
    await stage.expect(LEADER, "POST", "/_api/collection", {"name": name, **properties})


async def _sync_and_start(stage: Stage) -> None:
    """What make-follower does, by hand and without autoStart."""
    wanted = {**APPLIER, "endpoint": stage.endpoint(LEADER)}
    tick = (await stage.expect(FOLLOWER, "PUT", "/_api/replication/sync", wanted))["lastLogTick"]
    await stage.expect(FOLLOWER, "PUT", f"{_APPLIER}config", wanted)
    await stage.expect(FOLLOWER, "PUT", f"{_APPLIER}start?from={tick}")


async def _forgotten(stage: Stage, **given: object) -> None:
    """A follower that may resync, and has forgotten how far it was."""
    await stage.follow(autoResync=True, **given)
    await stage.expect(FOLLOWER, "PUT", f"{_APPLIER}stop")
    await stage.expect(FOLLOWER, "DELETE", f"{_APPLIER}state")


async def _put_into_system(stage: Stage, name: str) -> None:
    if name not in await stage.collections(LEADER):
        await _create(stage, name, isSystem=True)
    await stage.put(LEADER, name, "k", 1)


async def _demand_nothing_in(stage: Stage, name: str, clause: str) -> None:
    there = name in await stage.collections(FOLLOWER) and await stage.contents(FOLLOWER, name)
    stage.demand(not there, clause, "leaked-collection", f"the follower's {name} holds {there}")


async def _demand_equal_if_running(stage: Stage, name: str) -> None:
    """An applier may stop, but not go on with another copy than its leader's."""
    runs = await stage.caught_up()
    theirs = await stage.contents(LEADER, name)
    has_it = name in await stage.collections(FOLLOWER)
    ours = await stage.contents(FOLLOWER, name) if has_it else None
    stage.demand(
        not runs or ours == theirs,
        "LF-CONVERGE",
        "divergence",
        f"running and caught up: {ours}, not {theirs}",
    )
