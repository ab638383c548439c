"""Leader and follower, the same as real processes and in simulation."""

from __future__ import annotations

from typing import Any

from tests.parity.worlds import Side, in_both_worlds, until

_APPLIER = {
    "includeSystem": False,
    "autoStart": True,
    "autoResync": True,
    "adaptivePolling": False,
    "idleMinWaitTime": 0.3,
    "idleMaxWaitTime": 0.3,
    "connectionRetryWaitTime": 0.3,
    "maxConnectRetries": 1000,
}


async def _follow(follower: Side, leader: Side) -> None:
    wanted = {**_APPLIER, "endpoint": leader.server.endpoint, "database": leader.database}
    await follower.expect("PUT", "/_api/replication/make-follower", wanted)


async def _shows(side: Side, key: str, number: int | None) -> None:
    async def shown() -> bool:
        return await side.get("c", key) == number

    await until(shown, f"{key} is {number}")


async def _state(side: Side) -> Any:
    return (await side.expect("GET", "/_api/replication/applier-state"))["state"]


@in_both_worlds
async def test_a_follower_gets_what_was_there_and_what_comes(leader: Side, follower: Side) -> None:
    await leader.create("c")
    await leader.put("c", "before", 1)
    await _follow(follower, leader)
    assert await follower.get("c", "before") == 1
    await leader.put("c", "after", 2)
    await _shows(follower, "after", 2)


@in_both_worlds
async def test_a_copy_has_the_same_revisions(leader: Side, follower: Side) -> None:
    await leader.create("c")
    made = await leader.expect("POST", "/_api/document/c", {"_key": "a", "n": 1})
    await _follow(follower, leader)
    assert (await follower.expect("GET", "/_api/document/c/a"))["_rev"] == made["_rev"]


@in_both_worlds
async def test_one_sync_copies_and_does_not_go_on(leader: Side, follower: Side) -> None:
    await leader.create("c")
    await leader.put("c", "a", 1)
    wanted = {"endpoint": leader.server.endpoint, "database": leader.database, "includeSystem": False}
    answer = await follower.expect("PUT", "/_api/replication/sync", wanted)
    assert [copied["name"] for copied in answer["collections"]] == ["c"]
    assert await follower.get("c", "a") == 1
    assert (await _state(follower))["running"] is False


@in_both_worlds
async def test_a_running_applier_says_how_far_it_is(leader: Side, follower: Side) -> None:
    await leader.create("c")
    await _follow(follower, leader)
    await leader.put("c", "a", 1)
    await _shows(follower, "a", 1)
    state = await _state(follower)
    assert state["running"] is True
    assert int(state["lastAppliedContinuousTick"]) <= int(state["lastAvailableContinuousTick"])


@in_both_worlds
async def test_a_transaction_comes_whole(leader: Side, follower: Side) -> None:
    await leader.create("c")
    await _follow(follower, leader)
    trx = await leader.begin("c")
    await leader.put("c", "left", 7, trx)
    await leader.put("c", "right", 7, trx)
    await leader.expect("PUT", f"/_api/transaction/{trx}")
    await _shows(follower, "right", 7)
    assert await follower.get("c", "left") == 7


@in_both_worlds
async def test_definitions_follow_too(leader: Side, follower: Side) -> None:
    await leader.create("old")
    await _follow(follower, leader)
    await leader.expect("PUT", "/_api/collection/old/rename", {"name": "c"})
    await leader.put("c", "a", 1)

    async def renamed() -> bool:
        return (await follower.call("GET", "/_api/collection/c")).status == 200

    await until(renamed, "the collection is renamed")
    await _shows(follower, "a", 1)
    await leader.expect("DELETE", "/_api/collection/c")

    async def dropped() -> bool:
        return (await follower.call("GET", "/_api/collection/c")).status == 404

    await until(dropped, "the collection is dropped")


@in_both_worlds
async def test_removals_follow_too(leader: Side, follower: Side) -> None:
    await leader.create("c")
    await leader.put("c", "a", 1)
    await _follow(follower, leader)
    await leader.expect("DELETE", "/_api/document/c/a")
    await _shows(follower, "a", None)


@in_both_worlds
async def test_a_stopped_applier_stands_and_goes_on_when_started(leader: Side, follower: Side) -> None:
    await leader.create("c")
    await _follow(follower, leader)
    await follower.expect("PUT", "/_api/replication/applier-stop")
    await leader.put("c", "a", 1)
    assert await follower.get("c", "a") is None
    await follower.expect("PUT", "/_api/replication/applier-start")
    await _shows(follower, "a", 1)


@in_both_worlds
async def test_a_killed_follower_goes_on_where_it_was(leader: Side, follower: Side) -> None:
    await leader.create("c")
    await _follow(follower, leader)
    await leader.put("c", "a", 1)
    await _shows(follower, "a", 1)
    await follower.server.kill()
    await leader.put("c", "b", 2)
    await follower.server.start()
    await _shows(follower, "b", 2)
    assert await follower.get("c", "a") == 1


@in_both_worlds
async def test_a_killed_leader_is_found_again(leader: Side, follower: Side) -> None:
    await leader.create("c")
    await _follow(follower, leader)
    await leader.put("c", "a", 1)
    await leader.restart()
    await leader.put("c", "b", 2)
    await _shows(follower, "b", 2)
    assert await follower.get("c", "a") == 1


@in_both_worlds
async def test_a_follower_of_nobody_there_is_told_so(follower: Side) -> None:
    wanted = {**_APPLIER, "endpoint": "tcp://127.0.0.1:1", "database": "_system"}
    (await follower.call("PUT", "/_api/replication/make-follower", wanted)).refused(500, 1400)


@in_both_worlds
async def test_the_tail_is_lines_with_headers(leader: Side) -> None:
    await leader.create("c")
    await leader.put("c", "a", 1)
    state = (await leader.expect("GET", "/_api/replication/logger-state"))["state"]
    tick = int(state["lastLogTick"]) - 1
    reply = await leader.call("GET", f"/_api/wal/tail?from={tick}")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/x-arango-dump; charset=utf-8"
    assert reply.headers["x-arango-replication-lastincluded"] == state["lastLogTick"]
    assert len(reply.body.splitlines()) == 1
