"""An initial sync while the leader changes, fails, or talks nonsense."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reference.world import Request, Response, Unreachable
from tests.reference.replication.pair import Pair, configuration
from tests.reference.replication.test_applier import insert, names, transaction


async def equal(pair: Pair) -> None:
    await pair.caught_up()
    assert await names(pair.follower) == await names(pair.leader)
    for name in await names(pair.leader):
        assert await pair.follower.documents(name) == await pair.leader.documents(name)


@pytest.mark.parametrize("incremental", [False, True])
async def test_whatever_the_leader_does_during_a_sync_arrives_afterwards(
    pair: Pair, incremental: bool
) -> None:
    """At the first request for data the snapshot is taken already, and the leader moves on under it."""
    for name in ("gone", "again", "old"):
        await pair.leader.expect("POST", "/_api/collection", {"name": name})
        await insert(pair.leader, 300, collection=name)
    await insert(pair.leader, 300)
    await pair.follower.expect("PUT", "/_api/replication/sync", configuration())
    await insert(pair.leader, 300, first=1000)
    done = False

    async def meddle(request: Request) -> None:
        nonlocal done
        if done or not ("/dump" in request.target or "/revisions" in request.target):
            return
        done = True
        leader = pair.leader
        await leader.expect("DELETE", "/_api/collection/gone")
        await leader.expect("DELETE", "/_api/collection/again")
        await leader.expect("POST", "/_api/collection", {"name": "again"})
        await insert(leader, 5, collection="again", first=500)
        await leader.expect("PUT", "/_api/collection/old/rename", {"name": "young"})
        await leader.expect("PUT", "/_api/collection/c/truncate")
        await transaction(leader, ["x", "y"], 1)

    pair.wire.between = meddle
    await pair.follow(incremental=incremental)
    assert done
    await equal(pair)


@pytest.mark.parametrize("incremental", [False, True])
async def test_a_collection_renamed_on_the_leader_is_found_by_its_identity(
    pair: Pair, incremental: bool
) -> None:
    await insert(pair.leader, 10)
    await pair.follower.expect("PUT", "/_api/replication/sync", configuration())
    await pair.leader.expect("PUT", "/_api/collection/c/rename", {"name": "d"})
    await pair.leader.expect("POST", "/_api/collection", {"name": "c"})
    await pair.follow(incremental=incremental)
    await equal(pair)


async def test_a_lost_answer_ends_the_sync_with_an_error_and_no_gap(pair: Pair) -> None:
    await insert(pair.leader, 300)
    dumps = 0

    def lose(request: Request, response: Response) -> Response:
        nonlocal dumps
        dumps += "/dump" in request.target
        if dumps == 3 and "/dump" in request.target:
            raise Unreachable("the answer was lost", sent=True)
        return response

    pair.wire.after = lose
    failed = await pair.follower.call("PUT", "/_api/replication/make-follower", configuration(chunkSize=1000))
    assert (failed.status, json.loads(failed.body)["errorNum"]) == (500, 1400)
    state = await pair.follower.applier()
    assert (state["running"], state["lastError"]["errorNum"]) == (False, 1400)
    assert "endpoint" not in await pair.follower.expect("GET", "/_api/replication/applier-config")
    await pair.follow(chunkSize=1000)
    await equal(pair)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("logger-state", {"state": {}}),
        ("logger-state", []),
        ("batch", {"id": 5}),
        ("inventory", {"collections": [{"parameters": {}}]}),
        ("inventory", 7),
        ("dump", "{"),
        ("revisions/tree", {"nodes": []}),
        ("revisions/ranges", {"ranges": [["?"]]}),
        ("revisions/documents", [{"no": "key"}]),
    ],
)
async def test_an_answer_without_sense_is_refused(pair: Pair, path: str, answer: Any) -> None:
    await insert(pair.leader, 10)
    if "revisions" in path:
        await pair.follower.expect("PUT", "/_api/replication/sync", configuration())
        await insert(pair.leader, 10, first=100)

    def nonsense(request: Request, response: Response) -> Response:
        if f"/_api/replication/{path}" in request.target and request.method != "DELETE":
            return Response(200, response.headers, json.dumps(answer).encode())
        return response

    pair.wire.after = nonsense
    given = configuration(incremental="revisions" in path)
    refused = await pair.follower.call("PUT", "/_api/replication/sync", given)
    assert (refused.status, json.loads(refused.body)["errorNum"]) == (500, 1401), refused.body
    pair.wire.after = lambda request, response: response
    await pair.follow()
    await equal(pair)
