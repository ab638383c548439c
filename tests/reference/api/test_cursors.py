from __future__ import annotations

import time
from typing import Any

import pytest

from tests.reference.server_process import Reply, ServerProcess


@pytest.fixture
def filled(server: ServerProcess, collection: str) -> str:
    server.call("POST", f"/_api/document/{collection}", [{"_key": f"k{n}"} for n in range(10)]).expect(202)
    return collection


def _all(server: ServerProcess, collection: str, **options: object) -> Reply:
    return server.call("PUT", "/_api/simple/all", {"collection": collection, **options})


def _keys(batch: dict[str, Any]) -> list[str]:
    return [document["_key"] for document in batch["result"]]


def test_a_small_collection_comes_in_one_batch(server: ServerProcess, filled: str) -> None:
    batch = _all(server, filled).expect(201)
    assert sorted(_keys(batch)) == [f"k{n}" for n in range(10)]
    assert (batch["count"], batch["hasMore"], batch["cached"], batch["error"]) == (10, False, False, False)
    assert "id" not in batch
    assert "stats" in batch["extra"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_batches_hold_the_state_of_the_beginning(server: ServerProcess, filled: str, method: str) -> None:
    batch = _all(server, filled, batchSize=4).expect(201)
    number, keys = batch["id"], _keys(batch)
    server.call("DELETE", f"/_api/document/{filled}/k9").expect(202)
    server.call("POST", f"/_api/document/{filled}", {"_key": "later"}).expect(202)
    for more in (True, False):
        batch = server.call(method, f"/_api/cursor/{number}").expect(200)
        assert (batch["hasMore"], batch["count"], batch.get("id")) == (more, 10, number if more else None)
        keys += _keys(batch)
    assert sorted(keys) == [f"k{n}" for n in range(10)]
    server.call(method, f"/_api/cursor/{number}").refused(404, 1600)


def test_a_cursor_can_be_closed(server: ServerProcess, filled: str) -> None:
    number = _all(server, filled, batchSize=4).expect(201)["id"]
    assert server.call("DELETE", f"/_api/cursor/{number}").expect(202)["id"] == number
    server.call("DELETE", f"/_api/cursor/{number}").refused(404, 1600)
    server.call("PUT", f"/_api/cursor/{number}").refused(404, 1600)


def test_a_cursor_ends_when_nobody_asks(server: ServerProcess, filled: str) -> None:
    short = _all(server, filled, batchSize=4, ttl=0.2).expect(201)["id"]
    long = _all(server, filled, batchSize=4, ttl=60).expect(201)["id"]
    time.sleep(0.3)  # asking would keep it alive, so there is nothing to poll
    server.call("PUT", f"/_api/cursor/{short}").refused(404, 1600)
    server.call("PUT", f"/_api/cursor/{long}").expect(200)


def test_a_cursor_belongs_to_its_database(server: ServerProcess, filled: str) -> None:
    server.call("POST", "/_api/database", {"name": "elsewhere"}).expect(201)
    number = _all(server, filled, batchSize=4).expect(201)["id"]
    server.call("PUT", f"/_db/elsewhere/_api/cursor/{number}").refused(404, 1600)
    server.call("PUT", f"/_api/cursor/{number}").expect(200)


def test_skip_and_limit_cut_the_result(server: ServerProcess, filled: str) -> None:
    everything = _keys(_all(server, filled).expect(201))
    assert _keys(_all(server, filled, skip=2, limit=3).expect(201)) == everything[2:5]
    assert _keys(_all(server, filled, skip=8).expect(201)) == everything[8:]


def test_keys_come_in_three_spellings(server: ServerProcess, filled: str) -> None:
    for kind, prefix in (
        ("key", ""),
        ("id", f"{filled}/"),
        ("path", f"/_db/_system/_api/document/{filled}/"),
    ):
        body = {"collection": filled, "type": kind}
        batch = server.call("PUT", "/_api/simple/all-keys", body).expect(201)
        assert sorted(batch["result"]) == [f"{prefix}k{n}" for n in range(10)]
    server.call("PUT", "/_api/simple/all-keys", {"collection": filled, "type": "x"}).refused(400, 10)


def test_documents_are_looked_up_by_keys(server: ServerProcess, filled: str) -> None:
    body = {"collection": filled, "keys": ["k3", "none", f"{filled}/k1", "k3", 7]}
    found = server.call("PUT", "/_api/simple/lookup-by-keys", body).expect(200)["documents"]
    assert [document["_key"] for document in found] == ["k3", "k1"]


def test_a_transaction_reads_its_own_writes(server: ServerProcess, filled: str) -> None:
    begin = {"collections": {"write": filled}}
    number = server.call("POST", "/_api/transaction/begin", begin).expect(201)["result"]["id"]
    inside = {"x-arango-trx-id": number}
    server.call("DELETE", f"/_api/document/{filled}/k0", headers=inside).expect(202)
    body = {"collection": filled}
    assert server.call("PUT", "/_api/simple/all", body, inside).expect(201)["count"] == 9
    assert server.call("PUT", "/_api/simple/all", body).expect(201)["count"] == 10
    server.call("DELETE", f"/_api/transaction/{number}").expect(200)


@pytest.mark.parametrize(
    "body",
    [[], {}, {"collection": 7}, {"collection": "c", "skip": -1}, {"collection": "c", "batchSize": 0}],
)
def test_a_wrong_body_is_400(server: ServerProcess, body: object) -> None:
    server.call("POST", "/_api/collection", {"name": "c"})
    server.call("PUT", "/_api/simple/all", body).refused(400, 17)


def test_a_collection_that_is_not_there_is_404(server: ServerProcess) -> None:
    _all(server, "nothing").refused(404, 1203)


def test_aql_says_that_it_is_not_here(server: ServerProcess) -> None:
    assert "AQL" in server.call("POST", "/_api/cursor", {"query": "RETURN 1"}).refused(501, 9)
    server.call("POST", "/_api/cursor", {"query": ""}).refused(400, 1502)
    server.call("POST", "/_api/cursor", {}).refused(400, 1502)
    server.call("PUT", "/_api/simple/by-example", {}).refused(501, 9)
