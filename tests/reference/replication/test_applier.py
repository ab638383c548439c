"""What an applier does when all goes well, and when leader, network or local writers do not play along."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reference.world import Request, Response, Unreachable
from tests.reference.replication.pair import FOLLOWER, LEADER, Host, Pair, configuration, eventually


async def insert(host: Host, count: int, *, collection: str = "c", first: int = 0) -> None:
    batch = [{"_key": f"k{n}", "n": n} for n in range(first, first + count)]
    await host.expect("POST", f"/_api/document/{collection}", batch)


async def transaction(host: Host, keys: list[str], value: int) -> None:
    """Write `value` to several documents at once."""
    begun = await host.expect("POST", "/_api/transaction/begin", {"collections": {"write": "c"}})
    number = begun["result"]["id"]
    documents = [{"_key": key, "n": value} for key in keys]
    await host.expect("POST", "/_api/document/c?overwriteMode=replace", documents, trx=number)
    await host.expect("PUT", f"/_api/transaction/{number}")


async def same(pair: Pair, collection: str = "c") -> None:
    assert await pair.follower.documents(collection) == await pair.leader.documents(collection)


async def names(host: Host) -> list[str]:
    listed = await host.expect("GET", "/_api/collection?excludeSystem=true")
    return sorted(collection["name"] for collection in listed["result"])


async def test_writes_of_every_kind_arrive_with_their_revisions(pair: Pair) -> None:
    await insert(pair.leader, 10)
    await pair.follow()
    await pair.leader.expect("PATCH", "/_api/document/c/k1", {"more": "x"})
    await pair.leader.expect("PUT", "/_api/document/c/k2", {"all": "new"})
    await pair.leader.expect("DELETE", "/_api/document/c/k3")
    await transaction(pair.leader, ["k4", "k5", "new"], 7)
    await pair.caught_up()
    await same(pair)
    assert (await pair.follower.documents("c"))["new"]["n"] == 7


async def test_definitions_arrive_in_their_order(pair: Pair) -> None:
    await pair.follow()
    leader = pair.leader
    await leader.expect("POST", "/_api/collection", {"name": "edges", "type": 3})
    await leader.expect("POST", "/_api/collection", {"name": "gone"})
    await insert(leader, 3, collection="gone")
    await leader.expect("DELETE", "/_api/collection/gone")
    await leader.expect("POST", "/_api/collection", {"name": "gone"})
    await insert(leader, 5, collection="gone")
    await leader.expect("PUT", "/_api/collection/gone/rename", {"name": "back"})
    await leader.expect("PUT", "/_api/collection/c/properties", {"waitForSync": True})
    await leader.expect("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["n"]})
    await insert(leader, 4)
    await leader.expect("PUT", "/_api/collection/c/truncate")
    await insert(leader, 2, first=50)
    await pair.caught_up()
    assert await names(pair.follower) == await names(leader) == ["back", "c", "edges"]
    await same(pair)
    await same(pair, "back")
    for path in ("/_api/collection/edges/properties", "/_api/collection/c/properties"):
        theirs, ours = await leader.expect("GET", path), await pair.follower.expect("GET", path)
        for name in ("globallyUniqueId", "type", "waitForSync", "isSystem"):
            assert ours[name] == theirs[name]
    indexes = [await host.expect("GET", "/_api/index?collection=c") for host in (leader, pair.follower)]
    assert indexes[0]["identifiers"].keys() == indexes[1]["identifiers"].keys()
    await leader.expect("DELETE", f"/_api/index/{indexes[0]['indexes'][-1]['id']}")
    await pair.caught_up()
    indexes = [await host.expect("GET", "/_api/index?collection=c") for host in (leader, pair.follower)]
    assert len(indexes[1]["indexes"]) == len(indexes[0]["indexes"])


async def test_a_transaction_larger_than_a_chunk_is_never_seen_in_part(pair: Pair) -> None:
    await pair.follow(chunkSize=300)
    keys = [f"t{n}" for n in range(60)]
    seen: list[int] = []
    parts = 0

    async def visible(count: int) -> bool:
        nonlocal parts
        seen.append(len(await pair.follower.documents("c")))
        state = await pair.follower.applier()
        parts += int(state["safeResumeTick"]) < int(state["lastProcessedContinuousTick"])
        return seen[-1] == count

    await transaction(pair.leader, keys, 1)
    await eventually(lambda: visible(60), "the transaction arrives")
    assert set(seen) <= {0, 60}
    assert len([r for r in pair.wire.requests if "/wal/tail" in r.target]) > 10, "it came in many pieces"
    await pair.caught_up()
    await same(pair)


async def test_a_lost_answer_is_asked_for_again_and_applied_once(pair: Pair) -> None:
    await pair.follow()
    lost = 0

    def lose(request: Request, response: Response) -> Response:
        nonlocal lost
        if "/wal/tail" in request.target and response.body and lost < 3:
            lost += 1
            raise Unreachable("the answer was lost", sent=True)
        return response

    pair.wire.after = lose
    await insert(pair.leader, 20)
    await pair.caught_up()
    assert lost == 3
    await same(pair)
    state = await pair.follower.applier()
    assert (state["totalDocuments"], state["totalFailedConnects"]) == (20, 3)


async def test_an_unreachable_leader_is_asked_until_the_retries_are_used_up(pair: Pair) -> None:
    await pair.follow(maxConnectRetries=4)
    handler = pair.wire.handlers.pop(LEADER)
    error = await pair.stopped()
    assert error["errorNum"] == 1400
    assert "gave up after 5 attempts" in error["errorMessage"]
    pair.wire.handlers[LEADER] = handler
    await insert(pair.leader, 5)
    await pair.follower.expect("PUT", "/_api/replication/applier-start")
    await pair.caught_up()
    await same(pair)


async def test_a_leader_that_is_back_in_time_resets_the_count(pair: Pair) -> None:
    await pair.follow(maxConnectRetries=1000)
    await pair.leader.crash()

    async def failed() -> bool:
        return bool((await pair.follower.applier())["progress"]["failedConnects"] >= 3)

    await eventually(failed, "three requests fail")
    await pair.leader.start()
    await insert(pair.leader, 5)
    await pair.caught_up()
    assert (await pair.follower.applier())["progress"]["failedConnects"] == 0
    await same(pair)


async def test_another_server_at_the_leaders_address_is_not_followed(pair: Pair) -> None:
    await pair.follow()
    other = Host(pair.wire, LEADER, type(pair.leader.disk)(), seed=99)
    first = pair.leader
    await first.stop()
    await other.start()
    assert (await pair.stopped())["errorNum"] == 1404
    await other.stop()
    await first.start()
    await pair.follower.expect("PUT", "/_api/replication/applier-start")
    await pair.caught_up()


async def test_an_answer_without_sense_stops_the_applier(pair: Pair) -> None:
    await pair.follow()

    def nonsense(request: Request, response: Response) -> Response:
        if "/wal/tail" in request.target:
            return Response(200, response.headers, b'{"tick":"1"}\n{"tick":')
        return response

    pair.wire.after = nonsense
    assert (await pair.stopped())["errorNum"] == 1401


async def test_a_collection_dropped_here_stops_the_applier_unless_errors_are_ignored(pair: Pair) -> None:
    await pair.follow()
    await pair.follower.expect("DELETE", "/_api/collection/c")
    await insert(pair.leader, 3)
    error = await pair.stopped()
    assert error["errorNum"] == 1203
    assert "tick" in error["errorMessage"]
    await pair.follower.expect("PUT", "/_api/replication/applier-config", {"ignoreErrors": 2})
    await pair.follower.expect("PUT", "/_api/replication/applier-start")
    assert (await pair.stopped())["errorNum"] == 1203, "three errors are more than two"
    await pair.follower.expect("PUT", "/_api/replication/applier-config", {"ignoreErrors": 3})
    await pair.follower.expect("PUT", "/_api/replication/applier-start")
    await pair.caught_up()


async def test_a_local_writer_is_waited_for_and_then_stops_the_applier(pair: Pair) -> None:
    await insert(pair.leader, 1)
    await pair.follow()

    async def hold() -> str:
        begun = await pair.follower.expect("POST", "/_api/transaction/begin", {"collections": {"write": "c"}})
        number: str = begun["result"]["id"]
        await pair.follower.expect("PUT", "/_api/document/c/k0", {"local": True}, trx=number)
        return number

    number = await hold()
    await pair.leader.expect("PUT", "/_api/document/c/k0", {"n": 1})
    await eventually(lambda: _says(pair, "applying"), "the applier meets the lock")
    assert (await pair.follower.applier())["running"]
    await pair.follower.expect("DELETE", f"/_api/transaction/{number}")
    await pair.caught_up()
    await same(pair)
    await hold()
    await pair.leader.expect("PUT", "/_api/document/c/k0", {"n": 2})
    assert (await pair.stopped())["errorNum"] == 1200


async def _says(pair: Pair, word: str) -> bool:
    return word in (await pair.follower.applier())["progress"]["message"]


@pytest.mark.parametrize(("kind", "expected"), [("include", ["a", "new-a"]), ("exclude", ["b", "new-b"])])
async def test_a_restriction_holds_in_the_sync_and_in_tailing(
    pair: Pair, kind: str, expected: list[str]
) -> None:
    """Planted in real servers once: restrictCollections was forgotten while tailing."""
    leader = pair.leader
    await leader.expect("DELETE", "/_api/collection/c")
    for name in ("a", "b"):
        await leader.expect("POST", "/_api/collection", {"name": name})
        await insert(leader, 3, collection=name)
    await pair.follow(restrictType=kind, restrictCollections=["a", "new-a"])
    for name in ("new-a", "new-b"):
        await leader.expect("POST", "/_api/collection", {"name": name})
    for name in ("a", "b", "new-a", "new-b"):
        await insert(leader, 3, collection=name, first=100)
    await leader.expect("PUT", "/_api/collection/b/truncate")
    await leader.expect("PUT", "/_api/collection/a/truncate")
    await pair.caught_up()
    assert await names(pair.follower) == expected
    for name in expected:
        await same(pair, name)
    assert (await pair.follower.applier())["totalOperationsExcluded"] > 0


async def test_a_tick_in_the_midst_of_a_transaction_is_no_place_to_start(pair: Pair) -> None:
    await pair.follow()
    before = await pair.last_tick()
    await pair.follower.expect("PUT", "/_api/replication/applier-stop")
    await transaction(pair.leader, ["a", "b", "c"], 1)
    await pair.follower.expect("PUT", f"/_api/replication/applier-start?from={before + 2}")
    assert (await pair.stopped())["errorNum"] == 1408


async def test_a_tick_beyond_the_leaders_log_is_not_present(pair: Pair) -> None:
    await pair.follow()
    await pair.follower.expect("PUT", "/_api/replication/applier-stop")
    await pair.follower.expect("PUT", "/_api/replication/applier-start?from=99999999")
    assert (await pair.stopped())["errorNum"] == 1414


async def test_a_tick_is_remembered_from_the_moment_it_is_given(pair: Pair) -> None:
    await pair.follow()
    await pair.follower.expect("PUT", "/_api/replication/applier-stop")
    tick = await pair.last_tick()
    await pair.follower.expect("DELETE", "/_api/replication/applier-state")
    assert (await pair.follower.applier())["lastAppliedContinuousTick"] is None
    await pair.follower.expect("PUT", f"/_api/replication/applier-start?from={tick}")
    await pair.caught_up()
    await pair.follower.crash()
    await insert(pair.leader, 4)
    await pair.follower.start()
    await pair.caught_up()
    await same(pair)


async def test_a_server_does_not_follow_itself(pair: Pair) -> None:
    given = configuration(endpoint=FOLLOWER)
    refused = await pair.follower.call("PUT", "/_api/replication/make-follower", given)
    assert refused.status == 500
    assert b'"errorNum":1405' in refused.body


async def hang(request: Request) -> None:
    await asyncio.Event().wait()


async def test_a_stop_does_not_wait_for_a_leader_that_hangs(pair: Pair) -> None:
    await pair.follow()
    pair.wire.between = hang
    await insert(pair.leader, 3)
    await eventually(lambda: _says(pair, "fetching"), "a request hangs")
    async with asyncio.timeout(2):
        stopped = await pair.follower.expect("PUT", "/_api/replication/applier-stop")
    assert not stopped["state"]["running"]


async def test_a_stop_ends_a_sync_from_a_leader_that_hangs(pair: Pair) -> None:
    async def hang_later(request: Request) -> None:
        if "/dump" in request.target or request.method == "DELETE":
            await hang(request)

    pair.wire.between = hang_later
    setting_up = asyncio.create_task(
        pair.follower.call("PUT", "/_api/replication/make-follower", configuration())
    )
    await eventually(lambda: _says(pair, "syncing data"), "the sync hangs")
    async with asyncio.timeout(2):
        await pair.follower.expect("PUT", "/_api/replication/applier-stop")
    response = await setting_up
    assert response.status == 500
    assert b'"errorNum":1412' in response.body


async def test_a_sync_goes_on_without_the_client_that_asked_for_it(pair: Pair) -> None:
    await insert(pair.leader, 1000)
    client_is_gone = asyncio.Event()

    async def wait(request: Request) -> None:
        if "/dump" in request.target:
            await client_is_gone.wait()

    pair.wire.between = wait
    asked = asyncio.create_task(pair.follower.call("PUT", "/_api/replication/make-follower", configuration()))
    await eventually(lambda: _says(pair, "syncing data"), "the sync has begun")
    asked.cancel()
    await asyncio.wait([asked])
    client_is_gone.set()
    await eventually(lambda: _runs(pair), "the set-up ends")
    await pair.caught_up()
    await same(pair)


async def _runs(pair: Pair) -> bool:
    return bool((await pair.follower.applier())["phase"] == "running")


async def test_a_dropped_database_ends_its_applier(pair: Pair) -> None:
    for host in (pair.leader, pair.follower):
        await host.expect("POST", "/_api/database", {"name": "d"})
    await pair.follower.expect("PUT", "/_db/d/_api/replication/make-follower", configuration())
    await pair.follower.expect("DELETE", "/_api/database/d")
    states: dict[str, Any] = await pair.follower.expect("GET", "/_api/replication/applier-state-all")
    assert list(states) == ["_system"]
    assert not pair.follower.disk.list("replication")
