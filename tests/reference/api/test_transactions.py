from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.reference.server_process import Reply, ServerProcess, wait_until


def _begin(server: ServerProcess, **collections: object) -> str:
    body = {"collections": collections}
    result = server.call("POST", "/_api/transaction/begin", body).expect(201)["result"]
    assert result["status"] == "running"
    return str(result["id"])


def _in(transaction: str) -> dict[str, str]:
    return {"x-arango-trx-id": transaction}


def _write(server: ServerProcess, collection: str, transaction: str, **document: object) -> Reply:
    return server.call("POST", f"/_api/document/{collection}", document, _in(transaction))


def _end(server: ServerProcess, method: str, transaction: str) -> Reply:
    return server.call(method, f"/_api/transaction/{transaction}")


def test_writes_are_seen_inside_and_outside_only_after_commit(server: ServerProcess, collection: str) -> None:
    transaction = _begin(server, write=collection)
    _write(server, collection, transaction, _key="k", v=1).expect(202)
    path = f"/_api/document/{collection}/k"
    assert server.call("GET", path, headers=_in(transaction)).expect(200)["v"] == 1
    server.call("GET", path).refused(404, 1202)
    count = f"/_api/collection/{collection}/count"
    assert server.call("GET", count, headers=_in(transaction)).expect(200)["count"] == 1
    assert server.call("GET", count).expect(200)["count"] == 0
    committed = _end(server, "PUT", transaction).expect(200)["result"]
    assert committed == {"id": transaction, "status": "committed"}
    assert server.call("GET", path).expect(200)["v"] == 1


def test_an_aborted_transaction_leaves_nothing(server: ServerProcess, collection: str) -> None:
    transaction = _begin(server, write=[collection])
    _write(server, collection, transaction, _key="k").expect(202)
    assert _end(server, "DELETE", transaction).expect(200)["result"]["status"] == "aborted"
    server.call("GET", f"/_api/document/{collection}/k").refused(404, 1202)
    _write(server, collection, transaction, _key="k").refused(410, 1654)


def test_reads_are_of_the_snapshot_at_begin(server: ServerProcess, collection: str) -> None:
    server.call("POST", f"/_api/document/{collection}", {"_key": "k", "v": 1}).expect(202)
    transaction = _begin(server, read=collection)
    server.call("PUT", f"/_api/document/{collection}/k", {"v": 2}).expect(202)
    path = f"/_api/document/{collection}/k"
    assert server.call("GET", path, headers=_in(transaction)).expect(200)["v"] == 1
    _end(server, "DELETE", transaction).expect(200)


def test_the_second_writer_of_a_key_loses_at_once(server: ServerProcess, collection: str) -> None:
    server.call("POST", f"/_api/document/{collection}", {"_key": "k"}).expect(202)
    transaction = _begin(server, write=collection)
    path = f"/_api/document/{collection}/k"
    server.call("PUT", path, {"v": 1}, _in(transaction)).expect(202)
    server.call("PUT", path, {"v": 2}).refused(409, 1200)
    _end(server, "PUT", transaction).expect(200)
    assert server.call("GET", path).expect(200)["v"] == 1


def test_ending_again_in_the_same_way_is_no_error(server: ServerProcess, collection: str) -> None:
    transaction = _begin(server, write=collection)
    for _ in range(2):
        assert _end(server, "PUT", transaction).expect(200)["result"]["status"] == "committed"
    assert "committed" in _end(server, "DELETE", transaction).refused(400, 1653)
    assert _end(server, "GET", transaction).expect(200)["result"]["status"] == "committed"
    other = _begin(server, write=collection)
    for _ in range(2):
        assert _end(server, "DELETE", other).expect(200)["result"]["status"] == "aborted"
    assert "aborted" in _end(server, "PUT", other).refused(400, 1653)


def test_unknown_and_malformed_ids_are_told_apart(server: ServerProcess, collection: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        _end(server, method, "123").refused(404, 1655)
        _end(server, method, "abc").refused(400, 10)
    server.call("GET", f"/_api/document/{collection}/k", headers=_in("123")).refused(404, 1655)
    server.call("GET", f"/_api/document/{collection}/k", headers=_in("1 begin")).refused(400, 10)


@pytest.mark.parametrize(
    ("body", "status", "number"),
    [
        ({}, 400, 10),
        ({"collections": []}, 400, 10),
        ({"collections": {"write": 7}}, 400, 10),
        ({"collections": {"write": ["nothing"]}}, 404, 1203),
        ({"collections": {}, "lockTimeout": -1}, 400, 10),
        ({"collections": {}, "waitForSync": "yes"}, 400, 10),
        ([], 400, 10),
    ],
)
def test_a_wrong_begin_is_refused(server: ServerProcess, body: object, status: int, number: int) -> None:
    server.call("POST", "/_api/transaction/begin", body).refused(status, number)


def test_only_declared_collections_are_written(server: ServerProcess, collection: str) -> None:
    server.call("POST", "/_api/collection", {"name": "undeclared"})
    transaction = _begin(server, write=collection)
    _write(server, "undeclared", transaction).refused(400, 1652)
    server.call("GET", "/_api/document/undeclared/k", headers=_in(transaction)).refused(404, 1202)
    _end(server, "DELETE", transaction).expect(200)


def test_running_transactions_are_listed(server: ServerProcess, collection: str) -> None:
    transaction = _begin(server, write=collection)
    listed = server.call("GET", "/_api/transaction").expect(200)["transactions"]
    assert {"id": transaction, "state": "running"} in listed
    _end(server, "DELETE", transaction).expect(200)
    listed = server.call("GET", "/_api/transaction").expect(200)["transactions"]
    assert transaction not in [entry["id"] for entry in listed]


def test_an_exclusive_writer_keeps_others_waiting(server: ServerProcess, collection: str) -> None:
    transaction = _begin(server, exclusive=collection)
    body = {"collections": {"write": collection}, "lockTimeout": 0.1}
    server.call("POST", "/_api/transaction/begin", body).refused(500, 18)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(server.call, "POST", f"/_api/document/{collection}", {"_key": "later"})
        _write(server, collection, transaction, _key="first").expect(202)
        _end(server, "PUT", transaction).expect(200)
        waiting.result(10).expect(202)


def test_truncate_inside_a_transaction_can_be_undone(server: ServerProcess, collection: str) -> None:
    server.call("POST", f"/_api/document/{collection}", [{}, {}]).expect(202)
    transaction = _begin(server, write=collection)
    server.call("PUT", f"/_api/collection/{collection}/truncate", headers=_in(transaction)).expect(200)
    _end(server, "DELETE", transaction).expect(200)
    assert server.call("GET", f"/_api/collection/{collection}/count").expect(200)["count"] == 2


def test_javascript_transactions_are_not_implemented(server: ServerProcess) -> None:
    server.call("POST", "/_api/transaction", {"collections": {}, "action": "function(){}"}).refused(501, 9)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[ServerProcess]:
    options = (
        "--transaction.streaming-idle-timeout=0.3",
        "--transaction.streaming-max-transaction-size=10000",
    )
    with ServerProcess(tmp_path / "data", *options) as server:
        server.call("POST", "/_api/collection", {"name": "c"}).expect(200)
        yield server


def test_an_idle_transaction_is_aborted(impatient: ServerProcess) -> None:
    transaction = _begin(impatient, write="c")
    _write(impatient, "c", transaction, _key="k").expect(202)
    wait_until(
        lambda: _end(impatient, "GET", transaction).json()["result"]["status"] == "aborted", "the timeout"
    )
    _write(impatient, "c", transaction, _key="k").refused(410, 1654)
    impatient.call("POST", "/_api/document/c", {"_key": "k"}).expect(202)


def test_a_transaction_that_is_too_large_is_refused(impatient: ServerProcess) -> None:
    transaction = _begin(impatient, write="c")
    _write(impatient, "c", transaction, _key="big", v="x" * 20_000).refused(400, 32)
    impatient.call("GET", "/_api/document/c/big").refused(404, 1202)
