from __future__ import annotations

import time
from pathlib import Path

import pytest

from reference import VERSION
from tests.reference.server_process import ServerProcess, wait_until


def test_the_version_names_server_and_license(server: ServerProcess) -> None:
    body = server.call("GET", "/_api/version").expect(200)
    assert body == {"server": "arango", "license": "community", "version": VERSION}
    details = server.call("GET", "/_api/version?details=true").expect(200)["details"]
    assert details["server-version"] == VERSION
    assert all(isinstance(value, str) for value in details.values())
    target = server.call("GET", "/_admin/database/target-version").expect(200)["version"]
    assert target == "30912"


def test_role_and_engine_are_those_of_a_single_server(server: ServerProcess) -> None:
    role = server.call("GET", "/_admin/server/role").expect(200)
    assert role == {"error": False, "code": 200, "role": "SINGLE", "mode": "default"}
    assert server.call("GET", "/_api/engine").expect(200)["name"] == "rocksdb"
    assert server.call("GET", "/_admin/status").expect(200)["serverInfo"]["role"] == "SINGLE"
    server.call("GET", "/_admin/server/id").refused(500, 500)
    server.call("GET", "/_api/cluster/endpoints").refused(403, 11)


def test_the_time_is_that_of_the_machine(server: ServerProcess) -> None:
    assert abs(server.call("GET", "/_admin/time").expect(200)["time"] - time.time()) < 5


def test_statistics_count_what_happened(server: ServerProcess) -> None:
    first = server.call("GET", "/_admin/statistics").expect(200)
    second = server.call("GET", "/_admin/statistics").expect(200)
    assert second["http"]["requestsTotal"] == first["http"]["requestsTotal"] + 1
    assert second["server"]["uptime"] > first["server"]["uptime"]
    description = server.call("GET", "/_admin/statistics-description").expect(200)
    assert {"groups", "figures"} <= set(description)
    assert b"requests_total" in server.call("GET", "/_admin/metrics/v2").body


def test_echo_shows_the_request_without_the_credentials(server: ServerProcess) -> None:
    headers = {"Authorization": "Basic c2VjcmV0", "x-mine": "1"}
    body = server.call("POST", "/_admin/echo?a=b", b"hello", headers).expect(200)
    assert (body["url"], body["requestBody"], body["requestType"]) == ("/_admin/echo?a=b", "hello", "POST")
    assert body["headers"]["x-mine"] == "1"
    assert "authorization" not in body["headers"]


def test_a_flush_begins_a_new_log_file(server: ServerProcess) -> None:
    server.call("PUT", "/_admin/wal/flush", {}).expect(200)


def test_a_read_only_server_reads_and_is_available(server: ServerProcess, collection: str) -> None:
    server.call("POST", f"/_api/document/{collection}", {"_key": "k"}).expect(202)
    server.call("PUT", "/_admin/server/mode", {"mode": "x"}).refused(400, 400)
    try:
        assert (
            server.call("PUT", "/_admin/server/mode", {"mode": "readonly"}).expect(200)["mode"] == "readonly"
        )
        assert server.call("GET", "/_admin/server/availability").expect(200)["mode"] == "readonly"
        server.call("GET", f"/_api/document/{collection}/k").expect(200)
        server.call("PUT", f"/_api/document/{collection}/k", {}).refused(403, 1004)
        server.call("POST", f"/_api/document/{collection}", [{}]).refused(403, 1004)
        begin = {"collections": {"write": collection}}
        server.call("POST", "/_api/transaction/begin", begin).refused(403, 1004)
        server.call("PUT", f"/_api/collection/{collection}/truncate").refused(403, 1004)
        server.call("POST", "/_api/collection", {"name": "x"}).refused(403, 11)
        server.call("DELETE", f"/_api/collection/{collection}").refused(403, 11)
        server.call("POST", "/_api/database", {"name": "x"}).refused(403, 11)
        server.call("POST", "/_api/user", {"user": "x"}).refused(403, 11)
        index = {"type": "hash", "fields": ["a"]}
        server.call("POST", f"/_api/index?collection={collection}", index).refused(403, 11)
    finally:
        server.call("PUT", "/_admin/server/mode", {"mode": "default"}).expect(200)
    server.call("PUT", f"/_api/document/{collection}/k", {}).expect(202)


def test_unknown_paths_and_methods_are_named(server: ServerProcess) -> None:
    assert "/_api/nothing" in server.call("GET", "/_api/nothing").refused(404, 404)
    server.call("GET", "/").refused(404, 404)
    server.call("GET", "/_db/_system").refused(404, 404)
    server.call("DELETE", "/_api/version").refused(405, 405)
    server.call("OPTIONS", "/_api/version").refused(405, 405)
    server.call("PATCH", "/_api/collection").refused(405, 405)
    assert server.call("HEAD", "/_api/nothing").status == 404


def test_shutdown_by_request_ends_the_process(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        process = server.process
        assert process is not None
        assert server.call("DELETE", "/_admin/shutdown").expect(200) == "OK"
        wait_until(lambda: process.poll() is not None, "the end of the process")
        assert process.returncode == 0


@pytest.mark.parametrize("durable", [False, True])
def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path, durable: bool) -> None:
    with ServerProcess(tmp_path / "data") as server:
        server.call("POST", "/_api/collection", {"name": "c", "waitForSync": durable}).expect(200)
        revision = server.call("POST", "/_api/document/c", {"_key": "k"}).expect(201, 202)["_rev"]
        server.kill()
        server.start()
        assert server.call("GET", "/_api/document/c/k").expect(200)["_rev"] == revision
        assert server.stop() == 0
        server.start()
        assert server.call("GET", "/_api/document/c/k").expect(200)["_rev"] == revision


def test_the_log_is_readable_by_request(server: ServerProcess) -> None:
    entries = server.call("GET", "/_admin/log/entries?search=ready").expect(200)
    assert entries["total"] == 1
    assert entries["messages"][0]["level"] == "INFO"
    assert VERSION in entries["messages"][0]["message"]
    old = server.call("GET", "/_admin/log?upto=error").expect(200)
    assert (old["totalAmount"], old["text"]) == (0, [])
    newest = server.call("GET", "/_admin/log/entries?sort=desc&size=1").expect(200)["messages"]
    oldest = server.call("GET", "/_admin/log/entries?sort=asc&size=1").expect(200)["messages"]
    assert newest[0]["id"] >= oldest[0]["id"]
    server.call("GET", "/_admin/log?upto=loud").refused(400, 400)


def test_log_levels_change_at_run_time(server: ServerProcess) -> None:
    assert server.call("GET", "/_admin/log/level").expect(200)["general"] == "INFO"
    changed = server.call("PUT", "/_admin/log/level", {"general": "ERROR", "threads": "debug"}).expect(200)
    assert (changed["general"], changed["threads"], changed["agency"]) == ("ERROR", "DEBUG", "INFO")
    server.call("PUT", "/_admin/log/level", {"general": "loud"}).refused(400, 400)
    server.call("PUT", "/_admin/log/level", []).refused(400, 400)
    assert set(server.call("PUT", "/_admin/log/level", "info").expect(200).values()) == {"INFO"}
