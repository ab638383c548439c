"""LF clauses on real servers by HTTP: setting up, synchronizing, starting, stopping."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.reference.replication.duo import Duo, meanwhile
from tests.reference.server_process import ServerProcess, wait_until


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    folder = tmp_path_factory.mktemp("setup")
    with ServerProcess(folder / "leader") as leader, ServerProcess(folder / "follower") as follower:
        yield leader, follower


@pytest.fixture
def duo(servers: tuple[ServerProcess, ServerProcess]) -> Iterator[Duo]:
    duo = Duo(*servers)
    duo.leader.create("c")
    yield duo
    duo.drop()


def test_lf_setup_returns_with_the_data_the_configuration_and_a_running_applier(duo: Duo) -> None:
    duo.leader.insert("c", 3000)
    answer = duo.follow(incremental=True)
    assert duo.follower.count("c") == 3000, "it returns when the initial sync has ended"
    assert answer["state"]["running"]
    configuration = duo.follower.expect("GET", "/_api/replication/applier-config")
    assert configuration["autoStart"] is True
    assert configuration["incremental"] is True
    assert configuration["endpoint"] == duo.leader.server.endpoint
    duo.leader.insert("c", 5, first=9000)
    duo.caught_up()
    duo.assert_equal()


def test_lf_setup_says_so_when_the_initial_sync_fails(duo: Duo) -> None:
    refused = duo.command("make-follower", duo.configuration(endpoint="tcp://127.0.0.1:1"))
    assert "could not connect to leader" in refused.refused(500, 1400)
    assert not duo.state()["running"]
    assert "endpoint" not in duo.follower.expect("GET", "/_api/replication/applier-config")
    duo.command("make-follower", {}).refused(400, 1410)
    duo.command("make-slave", duo.configuration(database="no such thing")).refused(500, 1402)


def test_lf_setup_again_takes_the_new_configuration_and_no_other(duo: Duo) -> None:
    duo.follow(idleMinWaitTime=0.7, ignoreErrors=3)
    duo.follower.create("only-here")
    duo.follower.put("c", "local", 1)
    duo.leader.insert("c", 10)
    answer = duo.command("make-follower", {"endpoint": duo.leader.server.endpoint, "includeSystem": False})
    assert answer.expect(200)["state"]["running"]
    configuration = duo.follower.expect("GET", "/_api/replication/applier-config")
    assert (configuration["idleMinWaitTime"], configuration["ignoreErrors"]) == (1, 0), "the old one is gone"
    duo.assert_equal()


@pytest.mark.parametrize("incremental", [False, True])
def test_lf_sync_overwrites_whatever_was_there(duo: Duo, incremental: bool) -> None:
    duo.sync()
    duo.leader.insert("c", 2000)
    duo.leader.create("new", type=3)
    duo.leader.expect("POST", "/_api/index?collection=c", {"type": "persistent", "fields": ["n"]})
    duo.follower.insert("c", 50, first=1990)
    duo.follower.create("only-here")
    duo.follower.create("new")
    duo.sync(incremental=incremental)
    duo.assert_equal()
    assert duo.follower.expect("GET", "/_api/collection/new")["type"] == 3
    theirs, ours = (side.expect("GET", "/_api/index?collection=c") for side in (duo.leader, duo.follower))
    assert ours["identifiers"].keys() == theirs["identifiers"].keys()


def test_lf_sync_overwrites_by_moving_only_what_differs_if_incremental(duo: Duo) -> None:
    duo.leader.insert("c", 3000)
    duo.sync()
    duo.leader.put("c", "k7", -1)
    duo.leader.insert("c", 4, first=5000)
    duo.leader.expect("DELETE", "/_api/document/c/k9")
    time.sleep(0.01)  # in one millisecond two servers may give one revision, and then more is moved
    duo.follower.put("c", "k11", -1)
    duo.follower.put("c", "local", -1)
    duo.sync(incremental=True)
    duo.assert_equal()
    moved = duo.state()["progress"]["message"]
    assert "6 documents received, 2 removed" in moved, "k7, four new ones, k11; and k9 and the local one go"
    duo.sync(incremental=True)
    assert "0 documents received, 0 removed" in duo.state()["progress"]["message"]


def test_lf_sync_tick_loses_and_repeats_nothing_under_writes(duo: Duo) -> None:
    duo.leader.insert("c", 2000)
    duo.leader.put("c", "counter", 0)
    seen: list[int] = []
    with meanwhile(lambda number: duo.leader.put("c", "counter", number)):
        tick = duo.sync()
        duo.configure()
        duo.start(tick)
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            number = duo.follower.get("c", "counter")
            assert number is not None
            seen.append(number)
    duo.caught_up()
    assert seen == sorted(seen), "the follower never goes back"
    assert seen[-1] > seen[0], "it was written to all the time"
    duo.assert_equal()


def test_lf_sync_async_answers_an_id_and_later_the_result(duo: Duo) -> None:
    duo.leader.insert("c", 20_000)
    path, body = "/_api/replication/sync", duo.configuration()
    begun = duo.follower.call("PUT", path, body, {"x-arango-async": "store"})
    assert (begun.status, begun.body) == (202, b"")
    number = begun.headers["x-arango-async-id"]
    statuses: list[int] = []

    def complete() -> bool:
        fetched = duo.follower.call("PUT", f"/_api/job/{number}")
        statuses.append(fetched.status)
        if fetched.status == 200:
            assert [collection["name"] for collection in fetched.json()["collections"]] == ["c"]
            assert int(fetched.json()["lastLogTick"]) > 0
        return fetched.status == 200

    wait_until(complete, "the sync ends")
    assert statuses[:-1] == [204] * (len(statuses) - 1)
    assert len(statuses) > 1, "it was not complete when it was asked for first"
    duo.assert_equal()


STATE = {
    *("started", "running", "phase", "lastAppliedContinuousTick", "lastProcessedContinuousTick", "time"),
    *("lastAvailableContinuousTick", "safeResumeTick", "progress", "totalRequests", "totalFailedConnects"),
    *("totalEvents", "totalDocuments", "totalRemovals", "totalResyncs", "totalOperationsExcluded"),
    *("totalApplyTime", "averageApplyTime", "totalFetchTime", "averageFetchTime", "lastError"),
}


def test_lf_state_can_be_asked_for_at_any_time(duo: Duo) -> None:
    def shown() -> Any:
        return duo.follower.expect("GET", "/_api/replication/applier-state")

    before = shown()
    assert set(before) == {"state", "server"}
    assert set(before["state"]) == STATE - {"started"}
    assert (before["state"]["running"], before["state"]["phase"]) == (False, "inactive")
    assert before["state"]["lastAppliedContinuousTick"] is None
    assert before["server"]["version"] == duo.leader.expect("GET", "/_api/version")["version"]
    duo.follow()
    duo.leader.insert("c", 7)
    duo.leader.expect("DELETE", "/_api/document/c/k1")
    duo.caught_up()
    during = shown()
    assert set(during) == {"state", "server", "endpoint", "database"}
    assert set(during["state"]) == STATE | {"ticksBehind"}
    assert during["state"]["phase"] == "running"
    assert (during["state"]["totalDocuments"], during["state"]["totalRemovals"]) == (7, 1)
    assert set(during["state"]["progress"]) == {"time", "message", "failedConnects"}
    assert during["state"]["lastError"] == {"errorNum": 0}
    duo.stop()
    after = shown()
    assert (after["state"]["running"], after["state"]["phase"]) == (False, "inactive")
    assert int(after["state"]["safeResumeTick"]) > 0
    every = duo.follower.server.call("GET", "/_api/replication/applier-state-all").expect(200)
    assert every[duo.name]["state"]["phase"] == "inactive"
    duo.follower.call("GET", "/_api/replication/applier-state-all").refused(403, 11)


def test_lf_stop_ends_everything_and_a_restart_redoes_what_came_in_part(duo: Duo) -> None:
    keys = [f"t{n}" for n in range(400)]
    duo.leader.transaction("c", keys, 0)
    duo.follow(chunkSize=1)
    cut = 0
    for number in range(1, 4):
        duo.leader.transaction("c", keys, number)
        time.sleep(0.35)
        state = duo.stop()["state"]
        cut += int(state["safeResumeTick"]) < int(state["lastProcessedContinuousTick"])
        requests = state["totalRequests"]
        found = {document["n"] for document in duo.follower.documents("c").values()}
        assert len(found) == 1, f"half of a transaction can be seen: {found}"
        time.sleep(0.05)
        assert duo.state()["totalRequests"] == requests, "a stopped applier asks for nothing"
        duo.start()
    assert cut, "no stop came in the midst of a transaction, so nothing was tested"
    duo.caught_up()
    assert duo.follower.get("c", "t399") == 3
    duo.assert_equal()


def test_lf_trx_lock_shows_a_writer_either_all_or_nothing_of_a_transaction(duo: Duo) -> None:
    """A partly shipped transaction may lock out local writers for a while; it never shows itself."""
    keys = [f"t{n}" for n in range(400)]
    duo.leader.transaction("c", keys, 0)
    duo.follow(chunkSize=1)
    duo.leader.transaction("c", keys, 1)
    part_way = 0
    while duo.follower.get("c", "t399") == 0:
        documents = duo.follower.documents("c")
        assert len({document["n"] for document in documents.values()}) == 1
        state = duo.state()
        part_way += int(state["safeResumeTick"]) < int(state["lastProcessedContinuousTick"])
        match = {"if-match": documents["t0"]["_rev"]}
        reply = duo.follower.call("PUT", "/_api/document/c/t0", {"n": documents["t0"]["n"]}, match)
        assert reply.status in (201, 202, 409, 412)
    assert part_way, "the transaction was never there in part, so nothing was tested"
    duo.caught_up()
    assert {document["n"] for document in duo.follower.documents("c").values()} == {1}


def test_lf_autostart_off_and_on_decide_what_a_restart_does(duo: Duo) -> None:
    other = Duo(duo.leader.server, duo.follower.server)
    other.leader.create("c")
    duo.configure(autoStart=False)
    duo.start(duo.sync())
    other.follow()
    for each in (duo, other):
        each.leader.insert("c", 20)
        each.caught_up()
    duo.follower.server.kill()
    for each in (duo, other):
        each.leader.insert("c", 20, first=100)
        each.leader.transaction("c", ["a", "b"], 1)
    duo.follower.server.start()
    assert not duo.state()["running"], "LF-AUTOSTART-OFF"
    assert duo.follower.count("c") == 20
    other.caught_up()
    other.assert_equal()  # LF-AUTOSTART-ON: where it was, without a gap
    assert not duo.state()["running"]
    duo.start()
    duo.caught_up()
    duo.assert_equal()
    other.drop()


def test_lf_autostart_on_survives_many_kills_under_writes(duo: Duo) -> None:
    duo.leader.transaction("c", ["x", "y"], 0)
    duo.follow()
    with meanwhile(lambda number: duo.leader.transaction("c", ["x", "y"], number)):
        for _ in range(3):
            time.sleep(0.3)
            duo.follower.server.kill()
            duo.follower.server.start()
            assert (
                len({document["n"] for key, document in duo.follower.documents("c").items() if key in "xy"})
                == 1
            )
    duo.caught_up()
    duo.assert_equal()
