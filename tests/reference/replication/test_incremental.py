"""An incremental sync ends with equal copies, whatever the difference was, and moves little else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
import pytest

from reference.storage import documents
from tests.reference.replication.pair import Host, Pair, configuration
from tests.reference.replication.test_applier import insert


async def sync(pair: Pair) -> tuple[int, int]:
    """Sync; how many documents were received, and how many removed."""
    given = configuration(incremental=True)
    await pair.follower.expect("PUT", "/_api/replication/sync", given)
    assert await pair.follower.documents("c") == await pair.leader.documents("c")
    message = (await pair.follower.applier())["progress"]["message"]
    found = re.search(r"(\d+) documents received, (\d+) removed", message)
    assert found is not None
    return int(found[1]), int(found[2])


async def store(host: Host, *wanted: Mapping[str, Any]) -> None:
    """Put documents in with the revisions that they have."""
    assert host.server is not None
    services = host.server._services  # a revision cannot be chosen by HTTP
    assert services is not None
    database = services.engine.database("_system")
    collection = database.collection("c")
    with await services.engine.transactions.auto(database, collection) as transaction:
        for document in wanted:
            documents.apply_put(transaction, collection, dict(document))
        await transaction.commit()


async def test_equal_copies_move_nothing(pair: Pair) -> None:
    await insert(pair.leader, 1000)
    assert await sync(pair) == (1000, 0)
    assert await sync(pair) == (0, 0)


@pytest.mark.parametrize("seed", range(6))
async def test_a_random_difference_moves_as_many_documents_as_differ(pair: Pair, seed: int) -> None:
    random = Random(seed)
    await insert(pair.leader, 2500)
    await sync(pair)
    changed = random.sample(range(2500), random.randrange(1, 300))
    removed = random.sample(sorted(set(range(2500)) - set(changed)), random.randrange(1, 300))
    await pair.leader.expect("PATCH", "/_api/document/c", [{"_key": f"k{n}", "more": seed} for n in changed])
    await pair.leader.expect("DELETE", "/_api/document/c", [f"k{n}" for n in removed])
    await insert(pair.leader, 77, first=10_000)
    await insert(pair.follower, 33, first=20_000)
    assert await sync(pair) == (len(changed) + 77, len(removed) + 33)


async def test_an_emptied_leader_empties_the_follower(pair: Pair) -> None:
    await insert(pair.leader, 100)
    await sync(pair)
    await pair.leader.expect("PUT", "/_api/collection/c/truncate")
    assert await sync(pair) == (0, 100)
    await insert(pair.leader, 3)
    assert await sync(pair) == (3, 0)


async def test_equal_revisions_of_unequal_documents_are_found(pair: Pair) -> None:
    """Two servers' clocks may give two documents one revision."""
    await insert(pair.leader, 50)
    await sync(pair)
    theirs = await pair.leader.documents("c")
    revision = theirs["k7"]["_rev"]
    await store(pair.follower, {"_key": "k7", "_rev": revision, "n": "other content"})
    assert (await sync(pair))[0] >= 1
    await store(pair.follower, {"_key": "stranger", "_rev": revision})
    assert (await sync(pair))[1] >= 1
    await store(pair.leader, {"_key": "twin", "_rev": revision})
    assert (await sync(pair))[0] >= 1
    assert (await sync(pair)) == (0, 0)


async def test_many_revisions_come_in_pages(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reference.replication.revisions.MAX_REVISIONS", 30)
    monkeypatch.setattr("reference.replication.revisions.MAX_DOCUMENTS", 20)
    monkeypatch.setattr("reference.replication.incremental._FETCH", 20)
    await insert(pair.leader, 200)
    await sync(pair)
    changed = [{"_key": f"k{n}", "n": -1} for n in range(0, 200, 2)]
    await pair.leader.expect("PATCH", "/_api/document/c", changed)
    assert await sync(pair) == (100, 0)
    resumed = [request for request in pair.wire.requests if "resume=" in request.target]
    assert resumed, "one page was enough, so nothing was tested"


async def test_the_tree_has_the_documented_shape(pair: Pair) -> None:
    await insert(pair.leader, 20)
    batch = await pair.leader.expect("POST", "/_api/replication/batch", {"ttl": 10})
    tree = await pair.leader.expect(
        "GET", f"/_api/replication/revisions/tree?collection=c&batchId={batch['id']}"
    )
    names = {"version", "branchingFactor", "maxDepth", "rangeMin", "rangeMax", "count", "hash", "nodes"}
    assert set(tree) == names
    assert (tree["count"], tree["branchingFactor"]) == (20, 8)
    assert len(tree["nodes"]) == 8 ** tree["maxDepth"]
    for body in (b"{}", b'["no revision!"]', b'[["-","a"],7]'):
        path = f"/_api/replication/revisions/ranges?collection=c&batchId={batch['id']}"
        assert (await pair.leader.call("PUT", path, msgspec.json.decode(body))).status == 400
