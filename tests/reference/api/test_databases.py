from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reference.server_process import ServerProcess, wait_until


def test_a_new_database_has_its_system_collections(server: ServerProcess) -> None:
    body = server.call("POST", "/_api/database", {"name": "made", "options": {"sharding": "single"}})
    assert body.expect(201) == {"error": False, "code": 201, "result": True}
    listed = server.call("GET", "/_db/made/_api/collection").expect(200)["result"]
    names = {entry["name"] for entry in listed}
    assert {"_graphs", "_aqlfunctions", "_queues", "_jobs", "_apps", "_appbundles", "_analyzers"} <= names
    assert "_users" not in names
    current = server.call("GET", "/_db/made/_api/database/current").expect(200)["result"]
    assert (current["name"], current["isSystem"]) == ("made", False)
    assert "made" in server.call("GET", "/_api/database").expect(200)["result"]
    assert "made" in server.call("GET", "/_db/made/_api/database/user").expect(200)["result"]
    server.call("DELETE", "/_api/database/made").expect(200)
    server.call("GET", "/_db/made/_api/collection").refused(404, 1228)


def test_databases_share_no_collections(server: ServerProcess) -> None:
    server.call("POST", "/_api/database", {"name": "apart"}).expect(201)
    server.call("POST", "/_db/apart/_api/collection", {"name": "only_here"}).expect(200)
    location = server.call("POST", "/_db/apart/_api/document/only_here", {"_key": "k"}).headers["location"]
    assert location == "/_db/apart/_api/document/only_here/k"
    server.call("GET", "/_api/document/only_here/k").refused(404, 1203)


@pytest.mark.parametrize(
    ("body", "status", "number"),
    [
        ({}, 400, 1229),
        ({"name": 7}, 400, 1229),
        ({"name": ""}, 400, 1229),
        ({"name": "1st"}, 400, 1229),
        ({"name": "_mine"}, 400, 1229),
        ({"name": "a/b"}, 400, 1229),
        ({"name": "x" * 65}, 400, 1229),
        ({"name": "_system"}, 400, 1229),
        ({"name": "d", "users": {}}, 400, 10),
        ({"name": "d", "users": [{"passwd": "x"}]}, 400, 10),
        ([], 400, 10),
    ],
)
def test_a_wrong_database_is_refused(server: ServerProcess, body: object, status: int, number: int) -> None:
    server.call("POST", "/_api/database", body).refused(status, number)


def test_a_wrong_database_leaves_none_behind(server: ServerProcess) -> None:
    before = server.call("GET", "/_api/database").expect(200)["result"]
    server.call("POST", "/_api/database", {"name": "half", "users": [{"username": 7}]}).refused(400, 10)
    assert server.call("GET", "/_api/database").expect(200)["result"] == before


def test_databases_are_managed_from_the_system_database(server: ServerProcess) -> None:
    server.call("POST", "/_api/database", {"name": "inner"}).expect(201)
    server.call("POST", "/_api/database", {"name": "inner"}).refused(409, 1207)
    server.call("GET", "/_db/inner/_api/database").refused(403, 1230)
    server.call("POST", "/_db/inner/_api/database", {"name": "x"}).refused(403, 1230)
    server.call("DELETE", "/_db/inner/_api/database/inner").refused(403, 1230)
    server.call("DELETE", "/_api/database/nowhere").refused(404, 1228)
    server.call("DELETE", "/_api/database/_system").refused(403, 11)
    server.call("GET", "/_api/database/other").refused(400, 10)
    server.call("DELETE", "/_api/database").refused(400, 400)


@pytest.fixture
def follower(server: ServerProcess, tmp_path: Path) -> Iterator[ServerProcess]:
    """A follower of the server's database `leading`."""
    if "leading" not in server.call("GET", "/_api/database").expect(200)["result"]:
        server.call("POST", "/_api/database", {"name": "leading"}).expect(201)
        server.call("POST", "/_db/leading/_api/collection", {"name": "c"}).expect(200)
    with ServerProcess(tmp_path / "follower") as process:
        process.call("POST", "/_api/database", {"name": "copy"}).expect(201)
        wanted = {"endpoint": server.endpoint, "database": "leading"}
        state = process.call("PUT", "/_db/copy/_api/replication/make-follower", wanted).expect(200)
        assert state["state"]["running"] is True
        yield process


def test_dropping_a_replicated_database_ends_its_applier(follower: ServerProcess) -> None:
    follower.call("DELETE", "/_api/database/copy").expect(200)
    follower.call("POST", "/_api/database", {"name": "copy"}).expect(201)
    for _ in range(2):
        state = follower.call("GET", "/_db/copy/_api/replication/applier-state").expect(200)
        assert state["state"]["running"] is False
        assert "endpoint" not in state
        follower.kill()
        follower.start()


def test_a_read_only_follower_goes_on_applying(server: ServerProcess, follower: ServerProcess) -> None:
    follower.call("PUT", "/_admin/server/mode", {"mode": "readonly"}).expect(200)
    server.call("POST", "/_db/leading/_api/document/c", {"_key": "later"}).expect(202)
    path = "/_db/copy/_api/document/c/later"
    wait_until(lambda: follower.call("GET", path).status == 200, "the replication")
    follower.call("PUT", path, {}).refused(403, 1004)
    assert follower.stop() == 0
