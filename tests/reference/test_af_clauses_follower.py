"""AF clauses on real servers by HTTP: what leader and followers answer while nothing happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.reference.failover.group import (
    DIRTY,
    Group,
    applier,
    create,
    documents,
    insert,
    keys_of,
    refused,
)
from tests.reference.server_process import ServerProcess, wait_until

ENDPOINT, MARK = "x-arango-endpoint", "x-arango-potential-dirty-read"
READS = (
    ("GET", "/_api/document/c/one"),
    ("HEAD", "/_api/document/c/one"),
    ("GET", "/_api/collection"),
    ("GET", "/_api/database"),
    ("GET", "/_admin/time"),
    ("GET", "/_db/no-such-database/_api/collection"),
    ("GET", "/no/such/path"),
    ("PUT", "/_api/simple/all"),
    ("POST", "/_open/auth"),
    ("GET", "/_api/job/1"),
)
WRITES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/_api/document/c", {"_key": "forbidden"}),
    ("POST", "/_api/document/c?overwriteMode=replace", {"_key": "one"}),
    ("PUT", "/_api/document/c/one", {"n": 1}),
    ("PATCH", "/_api/document/c/one", {"n": 1}),
    ("DELETE", "/_api/document/c/one", None),
    ("POST", "/_api/collection", {"name": "forbidden"}),
    ("DELETE", "/_api/collection/c", None),
    ("PUT", "/_api/collection/c/truncate", None),
    ("PUT", "/_api/collection/c/rename", {"name": "forbidden"}),
    ("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["n"]}),
    ("POST", "/_api/database", {"name": "forbidden"}),
    ("DELETE", "/_api/database/more", None),
    ("POST", "/_api/user", {"user": "forbidden"}),
    ("PUT", "/_api/simple/remove-by-keys", {"collection": "c", "keys": ["one"]}),
    ("POST", "/_db/more/_api/document/m", {"_key": "forbidden"}),
)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    with Group(tmp_path_factory.mktemp("follower")) as group:
        group.start()
        leader = group.servers[0]
        create(leader, "c")
        insert(leader, "c", "one", "two")
        leader.call("POST", "/_api/database", {"name": "more"}).expect(201)
        create(leader, "m", database="more")
        group.caught_up(group.servers[1], leader)
        yield group


@pytest.fixture
def leader(group: Group) -> ServerProcess:
    return group.servers[0]


@pytest.fixture
def follower(group: Group) -> ServerProcess:
    return group.servers[1]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_af_follower_denies_every_write(
    leader: ServerProcess, follower: ServerProcess, method: str, path: str, body: Any
) -> None:
    refused(follower.call(method, path, body), 503, 1496)
    refused(follower.call(method, path, body, DIRTY), 403, 1004)
    assert keys_of(follower, "c") == {"one", "two"}
    assert keys_of(leader, "c") == {"one", "two"}
    assert keys_of(follower, "m", "more") == set()


def test_af_follower_denies_also_a_write_in_a_transaction_or_in_the_background(
    follower: ServerProcess,
) -> None:
    begun = follower.call("POST", "/_api/transaction/begin", {"collections": {"write": "c"}}, DIRTY)
    number = begun.expect(201)["result"]["id"]
    in_transaction = {**DIRTY, "x-arango-trx-id": number}
    refused(follower.call("POST", "/_api/document/c", {"_key": "forbidden"}, in_transaction), 403, 1004)
    follower.call("PUT", f"/_api/transaction/{number}", None, DIRTY).expect(200)
    background = {"x-arango-async": "store"}
    refused(follower.call("POST", "/_api/document/c", {"_key": "x"}, background), 503, 1496)
    refused(follower.call("POST", "/_api/document/c", {"_key": "x"}, {**background, **DIRTY}), 403, 1004)
    assert keys_of(follower, "c") == {"one", "two"}


def test_af_follower_denies_commands_to_its_applier_and_stays_denying_in_mode_default(
    leader: ServerProcess, follower: ServerProcess
) -> None:
    for command in ("make-follower", "sync", "applier-config", "applier-start", "applier-stop"):
        body = {"endpoint": leader.endpoint}
        refused(follower.call("PUT", f"/_api/replication/{command}", body), 403, 1004)
    follower.call("PUT", "/_admin/server/mode", {"mode": "default"}).expect(200)
    refused(follower.call("POST", "/_api/document/c", {"_key": "forbidden"}), 503, 1496)


@pytest.mark.parametrize(("method", "path"), READS)
def test_af_read_denied_and_af_503_endpoint(
    leader: ServerProcess, follower: ServerProcess, method: str, path: str
) -> None:
    """AF-READ-DENIED, AF-503-ENDPOINT: whatever it is about, a missing database or path included."""
    for headers in ({}, {"x-arango-allow-dirty-read": "false"}):
        reply = follower.call(method, path, None, headers)
        assert reply.status == 503
        assert reply.headers[ENDPOINT] == leader.url
        if method != "HEAD":
            reply.refused(503, 1496)


def test_af_503_endpoint_is_where_the_write_succeeds(follower: ServerProcess, leader: ServerProcess) -> None:
    headers = refused(follower.call("POST", "/_api/document/c", {"_key": "followed"}), 503, 1496)
    assert headers[ENDPOINT] == f"http://127.0.0.1:{leader.port}"
    leader.call("POST", "/_api/document/c", {"_key": "followed"}).expect(201, 202)
    leader.call("DELETE", "/_api/document/c/followed").expect(200, 202)
    wait_until(lambda: keys_of(follower, "c") == {"one", "two"}, "the removal arrives")


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes"])
def test_af_dirty_read_is_served_and_af_dirty_mark_says_so(follower: ServerProcess, word: str) -> None:
    """AF-DIRTY-READ, AF-DIRTY-MARK."""
    header = {"x-arango-allow-dirty-read": word}
    reply = follower.call("GET", "/_api/document/c/one", None, header)
    assert reply.expect(200)["_key"] == "one"
    assert reply.headers[MARK] == "true"
    assert keys_of(follower, "c") == {"one", "two"}
    missing = follower.call("GET", "/_api/document/c/none", None, header)
    missing.refused(404, 1202)
    assert missing.headers[MARK] == "true", "an error is read from the copy too"
    nowhere = follower.call("GET", "/_db/nowhere/_api/collection", None, header)
    nowhere.refused(404, 1228)


def test_af_dirty_mark_is_not_on_the_leaders_answers(leader: ServerProcess) -> None:
    for headers in ({}, DIRTY):
        reply = leader.call("GET", "/_api/document/c/one", None, headers)
        assert reply.status == 200
        assert MARK not in reply.headers
        assert ENDPOINT not in reply.headers


def test_af_dirty_mark_is_on_every_answer_of_a_follower(follower: ServerProcess) -> None:
    for path in ("/_api/version", "/_admin/server/availability", "/_admin/server/role", "/_api/wal/lastTick"):
        reply = follower.call("GET", path)
        assert (reply.status, reply.headers[MARK]) == (200, "true")
        assert reply.headers[ENDPOINT]
    assert follower.call("GET", "/_api/document/c/one").headers[MARK] == "true"


def test_open_paths_answer_on_both_sides(leader: ServerProcess, follower: ServerProcess) -> None:
    for server in (leader, follower):
        assert server.call("GET", "/_admin/server/role").expect(200)["mode"] == "resilient"
        assert server.call("GET", "/_db/more/_api/wal/range").status == 200
        health = server.call("GET", "/_admin/cluster/health").expect(200)["Health"]
        assert sorted(known["Status"] for known in health.values()) == ["GOOD", "GOOD"]


def test_af_endpoints_name_the_leader_first_on_both_sides(
    leader: ServerProcess, follower: ServerProcess
) -> None:
    expected = [{"endpoint": leader.endpoint}, {"endpoint": follower.endpoint}]
    for server in (leader, follower):
        assert server.call("GET", "/_api/cluster/endpoints").expect(200)["endpoints"] == expected


def test_endpoints_are_refused_without_an_active_failover(tmp_path: Any) -> None:
    with ServerProcess(tmp_path / "single") as single:
        single.call("GET", "/_api/cluster/endpoints").refused(403, 11)
        assert single.call("GET", "/_admin/server/role").expect(200)["mode"] == "default"


def test_af_auto_replication_of_everything_in_all_databases(
    group: Group, leader: ServerProcess, follower: ServerProcess
) -> None:
    leader.call("POST", "/_api/database", {"name": "late"}).expect(201)
    create(leader, "a", "gone", "old", database="late")
    insert(leader, "a", *(f"k{number}" for number in range(20)), database="late")
    leader.call("PUT", "/_db/late/_api/collection/old/rename", {"name": "new"}).expect(200)
    leader.call("DELETE", "/_db/late/_api/collection/gone").expect(200)
    begun = leader.call("POST", "/_db/late/_api/transaction/begin", {"collections": {"write": ["a", "new"]}})
    trx = {"x-arango-trx-id": begun.expect(201)["result"]["id"]}
    for name in ("a", "new"):
        leader.call("POST", f"/_db/late/_api/document/{name}", {"_key": "together"}, trx).expect(201, 202)
    leader.call("PUT", f"/_db/late/_api/transaction/{trx['x-arango-trx-id']}").expect(200)
    group.caught_up(follower, leader)
    listed = follower.call("GET", "/_db/late/_api/collection?excludeSystem=true", None, DIRTY)
    assert sorted(known["name"] for known in listed.expect(200)["result"]) == ["a", "new"]
    for name, count in (("a", 21), ("new", 1)):
        assert documents(follower, name, "late") == documents(leader, name, "late")
        assert len(documents(leader, name, "late")) == count
    leader.call("DELETE", "/_api/database/late").expect(200)
    group.caught_up(follower, leader)
    follower.call("GET", "/_db/late/_api/collection", None, DIRTY).refused(404, 1228)
    assert keys_of(follower, "m", "more") == keys_of(leader, "m", "more")


def test_af_auto_replication_goes_on_after_a_restart_without_a_new_copy(
    group: Group, leader: ServerProcess, follower: ServerProcess
) -> None:
    group.caught_up(follower, leader)
    follower.kill()
    leader.call("POST", "/_api/database", {"name": "meanwhile"}).expect(201)
    create(leader, "a", database="meanwhile")
    insert(leader, "a", "x", database="meanwhile")
    follower.start()
    group.caught_up(follower, leader)
    assert applier(follower)["state"]["totalResyncs"] == 0, "it resumes from its tick"
    assert keys_of(follower, "a", "meanwhile") == {"x"}
    leader.call("DELETE", "/_api/database/meanwhile").expect(200)
    group.caught_up(follower, leader)
