"""LF clauses on real servers by HTTP: what is refused, what stops an applier, what nobody does."""

from __future__ import annotations

import base64
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.reference.replication.duo import Duo
from tests.reference.server_process import Reply, ServerProcess, wait_until

SECRET = "a secret of this leader that is long enough"


class GuardedProcess(ServerProcess):
    """A server that demands authentication; the test itself is `root`, whose password is empty."""

    def __init__(self, directory: Path) -> None:
        directory.parent.mkdir(parents=True, exist_ok=True)
        keyfile = directory.parent / "secret"
        keyfile.write_text(SECRET)
        super().__init__(directory, "--server.authentication=true", f"--server.jwt-secret-keyfile={keyfile}")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        timeout_s: float = 30.0,
    ) -> Reply:
        root = {"authorization": "Basic " + base64.b64encode(b"root:").decode()}
        return super().call(method, path, body, root | (headers or {}), timeout_s=timeout_s)


class OldProcess(ServerProcess):
    """The same server, saying that it is an earlier release."""

    def command(self) -> list[str]:
        _, _, _, *words = super().command()
        disguise = (
            "import runpy, sys, reference; reference.VERSION = '3.8.9'; sys.argv[0] = 'arangod-ref'; "
            "runpy.run_module('reference', run_name='__main__')"
        )
        return [sys.executable, "-c", disguise, *words]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    folder = tmp_path_factory.mktemp("limits")
    with ServerProcess(folder / "leader") as leader, ServerProcess(folder / "follower") as follower:
        yield leader, follower


@pytest.fixture(scope="module")
def guarded_leader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedProcess]:
    with GuardedProcess(tmp_path_factory.mktemp("guarded") / "data") as leader:
        yield leader


@pytest.fixture
def duo(servers: tuple[ServerProcess, ServerProcess]) -> Iterator[Duo]:
    duo = Duo(*servers)
    duo.leader.create("c")
    yield duo
    duo.drop()


@pytest.fixture
def guarded(guarded_leader: GuardedProcess, servers: tuple[ServerProcess, ServerProcess]) -> Duo:
    duo = Duo(guarded_leader, servers[1])
    duo.leader.create("c")
    duo.leader.insert("c", 10)
    return duo


def test_lf_auth_is_needed_exactly_when_the_leader_asks(guarded: Duo, duo: Duo) -> None:
    for command in ("sync", "make-follower"):
        refused = guarded.command(command, guarded.configuration())
        assert "HTTP 401" in refused.refused(500, 1402)
    guarded.follow(username="root", password="")
    guarded.leader.insert("c", 5, first=100)
    guarded.caught_up()
    guarded.assert_equal()
    duo.follow()
    duo.leader.insert("c", 5)
    duo.caught_up()


def test_lf_auth_takes_a_token_instead_of_a_password(guarded: Duo) -> None:
    token = jwt.encode({"server_id": "any", "iss": "arangodb"}, SECRET, algorithm="HS256")
    guarded.follow(jwt=token)
    assert guarded.follower.count("c") == 10
    shown = json.dumps(guarded.follower.expect("GET", "/_api/replication/applier-config"))
    assert token not in shown


def test_lf_auth_wrong_credentials_are_a_clear_error_and_change_nothing(guarded: Duo) -> None:
    guarded.follow(username="root", password="")
    guarded.follower.put("c", "local", 1)
    before = guarded.follower.documents("c")
    configuration = guarded.follower.expect("GET", "/_api/replication/applier-config")
    wrong = guarded.configuration(username="root", password="wrong")
    message = guarded.command("make-follower", wrong).refused(500, 1402)
    assert "check the username and password" in message
    state = guarded.state()
    assert (state["running"], state["lastError"]) == (True, {"errorNum": 0}), "the applier that ran goes on"
    assert guarded.follower.expect("GET", "/_api/replication/applier-config") == configuration
    guarded.stop()
    guarded.command("sync", wrong).refused(500, 1402)
    assert guarded.follower.documents("c") == before
    guarded.follower.call("PUT", "/_api/replication/applier-config", {"password": "wrong"}).expect(200)
    guarded.start()
    assert guarded.stopped()["errorNum"] == 1402
    guarded.follower.call("PUT", "/_api/replication/applier-config", {"password": ""}).expect(200)
    guarded.start()
    guarded.leader.insert("c", 1, first=500)
    guarded.caught_up()


def test_lf_auth_a_user_without_rights_changes_nothing(guarded: Duo) -> None:
    guarded.leader.server.call("POST", "/_api/user", {"user": guarded.name, "passwd": "p"}).expect(201)
    guarded.follower.create("c")
    guarded.follower.insert("c", 3)
    weak = guarded.configuration(username=guarded.name, password="p")
    guarded.command("sync", weak).refused(500, 1402)
    path = f"/_api/user/{guarded.name}/database/{guarded.name}"
    guarded.leader.server.call("PUT", path, {"grant": "rw"}).expect(200)
    assert "HTTP 403" in guarded.command("sync", weak).refused(500, 1402), (
        "reading the log needs an administrator"
    )
    assert guarded.follower.count("c") == 3


def test_lf_applier_stops_with_an_error_and_the_leader_goes_on(duo: Duo) -> None:
    duo.follow()
    duo.follower.expect("DELETE", "/_api/collection/c")
    duo.leader.insert("c", 3)
    error = duo.stopped()
    assert (error["errorNum"], set(error)) == (1203, {"errorNum", "errorMessage", "time"})
    duo.leader.insert("c", 3, first=100)
    assert duo.leader.count("c") == 6
    assert duo.state()["lastError"]["errorNum"] == 1203, "it stays until the applier is started again"
    duo.start()
    assert duo.stopped()["errorNum"] == 1203, "the same event again"


def test_lf_fix_or_resync_lets_the_applier_go_on(duo: Duo) -> None:
    repairs = {how: Duo(duo.leader.server, duo.follower.server) for how in ("by hand", "by sync", "by setup")}
    locks = {}
    for how, each in repairs.items():
        each.leader.create("c")
        each.leader.insert("c", 1)
        each.follow()
        begun = each.follower.expect("POST", "/_api/transaction/begin", {"collections": {"write": "c"}})
        locks[how] = begun["result"]["id"]
        each.follower.expect("PUT", "/_api/document/c/k0", {"n": -1}, trx=locks[how])
        each.leader.put("c", "k0", 5)
    for how, each in repairs.items():
        assert each.stopped()["errorNum"] == 1200, "a local transaction holds the document"
        each.leader.put("c", "k1", 6)
        each.follower.expect("DELETE", f"/_api/transaction/{locks[how]}")
    repairs["by hand"].start()
    repairs["by sync"].start(repairs["by sync"].sync())
    repairs["by setup"].follow()
    for each in repairs.values():
        each.caught_up()
        each.leader.put("c", "k2", 7)
        each.caught_up()
        each.assert_equal()
        assert each.state()["lastError"] == {"errorNum": 0}
        each.drop()


def test_lf_follower_writable_nobody_stops_a_client_and_the_difference_stays(duo: Duo) -> None:
    duo.leader.insert("c", 2)
    duo.follow()
    duo.follower.put("c", "k0", -1)
    duo.follower.put("c", "local", -1)
    duo.leader.put("c", "k1", 9)
    duo.caught_up()
    assert duo.follower.get("c", "k0") == -1, "the weakness: the two differ, and replication does not mind"
    duo.leader.put("c", "k0", 3)
    duo.caught_up()
    assert duo.follower.get("c", "k0") == 3
    duo.follower.expect("DELETE", "/_api/collection/c")
    duo.leader.put("c", "k0", 4)
    assert duo.stopped()["errorNum"] == 1203, "or the applier stops because of it"


def test_lf_no_failover_a_dead_leader_promotes_nobody(duo: Duo) -> None:
    duo.follow()
    duo.leader.insert("c", 3)
    duo.caught_up()
    configuration = duo.follower.expect("GET", "/_api/replication/applier-config")
    duo.leader.server.kill()
    wait_until(lambda: duo.state()["progress"]["failedConnects"] >= 3, "the follower asks in vain")
    assert duo.state()["running"], "it goes on following"
    assert duo.follower.expect("GET", "/_api/replication/applier-config") == configuration
    assert duo.follower.server.call("GET", "/_admin/server/role").expect(200)["role"] == "SINGLE"
    assert duo.follower.server.call("GET", "/_api/cluster/endpoints").status >= 400
    duo.leader.server.start()
    duo.leader.insert("c", 3, first=100)
    duo.caught_up()
    duo.assert_equal()


def test_lf_same_version_or_no_replication(duo: Duo, tmp_path: Path) -> None:
    with OldProcess(tmp_path / "old") as old:
        other = Duo(old, duo.follower.server)
        assert other.leader.expect("GET", "/_api/version")["version"] == "3.8.9"
        other.leader.create("c")
        for command in ("sync", "make-follower"):
            message = other.command(command, other.configuration()).refused(500, 1403)
            assert "3.8.9" in message
        other.configure()
        other.start(0)
        assert other.stopped()["errorNum"] == 1403
        assert other.follower.collections() == []


def test_lf_no_self_is_followed(duo: Duo) -> None:
    own = duo.configuration(endpoint=duo.follower.server.endpoint)
    duo.follower.create("mine")
    for command in ("sync", "make-follower"):
        assert "this very server" in duo.command(command, own).refused(500, 1405)
    duo.configure(endpoint=duo.follower.server.endpoint)
    duo.start(0)
    assert duo.stopped()["errorNum"] == 1405
    assert duo.follower.collections() == ["mine"]


def test_an_applier_at_work_is_not_reconfigured_nor_synchronized_nor_forgotten(duo: Duo) -> None:
    duo.command("applier-start").refused(400, 1410)
    duo.command("applier-config", {"endpoint": ""}).refused(400, 1410)
    duo.command("applier-config", duo.configuration(restrictType="include")).refused(400, 1410)
    duo.command("sync", {}).refused(400, 400)
    duo.follow()
    duo.command("applier-config", duo.configuration()).refused(400, 1411)
    duo.command("sync", duo.configuration()).refused(400, 1411)
    duo.follower.call("DELETE", "/_api/replication/applier-state").refused(400, 1411)
    assert duo.start()["state"]["running"]
    assert not duo.stop()["state"]["running"]
    assert not duo.stop()["state"]["running"]
    duo.follower.expect("DELETE", "/_api/replication/applier-state")
    duo.start()
    assert duo.stopped()["errorNum"] == 1413


def test_lf_stop_does_not_wait_for_a_leader_that_is_paused(duo: Duo) -> None:
    duo.follow()
    leader = duo.leader.server.process
    assert leader is not None
    leader.send_signal(signal.SIGSTOP)
    try:
        time.sleep(0.5)  # a request is under way by now
        began = time.monotonic()
        assert not duo.stop()["state"]["running"]
        assert time.monotonic() - began < 5
    finally:
        leader.send_signal(signal.SIGCONT)
    duo.leader.insert("c", 3)
    duo.start()
    duo.caught_up()
    duo.assert_equal()


def test_a_stop_ends_a_sync_too(duo: Duo) -> None:
    duo.leader.insert("c", 20_000)
    begun = duo.follower.call(
        "PUT",
        "/_api/replication/make-follower",
        duo.configuration(chunkSize=1000),
        {"x-arango-async": "store"},
    )
    number = begun.headers["x-arango-async-id"]
    wait_until(lambda: duo.state()["phase"] == "initial", "the sync has begun")
    time.sleep(0.1)
    duo.command("applier-config", duo.configuration()).refused(400, 1411)
    assert not duo.stop()["state"]["running"]
    wait_until(lambda: duo.follower.call("GET", f"/_api/job/{number}").status == 200, "the command ends")
    duo.follower.call("PUT", f"/_api/job/{number}").refused(500, 1412)
    duo.follow()
    duo.assert_equal()
