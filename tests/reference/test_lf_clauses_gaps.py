"""LF clauses on real servers by HTTP: what happens when the leader has pruned the log that a follower needs.

Every combination of requireFromPresent, autoResync and autoResyncRetries has a database of its own. All of
them are replicated and stopped; then the leader is written to, restarted (it forgets who needs its log),
and its log is really pruned, once for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import pytest

from tests.reference.replication.duo import Duo, meanwhile
from tests.reference.server_process import ServerProcess, wait_until

PRUNING = ("--rocksdb.wal-file-timeout=0", "--rocksdb.wal-file-timeout-initial=0")
COMBINATIONS = list(product((True, False), (True, False), (0, 1, 2)))


@dataclass
class Pruned:
    """A leader whose log begins after all ticks that its followers have."""

    leader: ServerProcess
    follower: ServerProcess
    duos: dict[tuple[bool, bool, int], Duo] = field(default_factory=dict)


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pruned]:
    folder = tmp_path_factory.mktemp("gaps")
    with (
        ServerProcess(folder / "leader", *PRUNING) as leader,
        ServerProcess(folder / "follower") as follower,
    ):
        pruned = Pruned(leader, follower)
        for require, resync, retries in COMBINATIONS:
            duo = pruned.duos[require, resync, retries] = Duo(leader, follower)
            duo.leader.create("c")
            duo.leader.insert("c", 10)
            duo.follow(requireFromPresent=require, autoResync=resync, autoResyncRetries=retries)
            duo.stop()
        for duo in pruned.duos.values():
            duo.leader.insert("c", 10, first=100)
        prune(leader)
        for duo in pruned.duos.values():
            duo.leader.insert("c", 10, first=200)
        yield pruned


def prune(leader: ServerProcess) -> None:
    """Make the log begin after everything that is in it now."""
    last = int(leader.call("GET", "/_api/wal/lastTick").expect(200)["tick"])
    leader.stop()
    leader.start()
    leader.call("PUT", "/_admin/wal/flush").expect(200)

    def gone() -> bool:
        return int(leader.call("GET", "/_api/wal/range").expect(200)["tickMin"]) > last

    wait_until(gone, "the log is pruned")


@pytest.mark.parametrize(("require", "resync", "retries"), COMBINATIONS)
def test_lf_require_present_auto_resync_and_retries_in_all_combinations(
    pruned: Pruned, require: bool, resync: bool, retries: int
) -> None:
    """LF-REQUIRE-PRESENT, LF-IGNORE-GAP, LF-AUTO-RESYNC, LF-RESYNC-RETRIES."""
    duo = pruned.duos[require, resync, retries]
    tick = duo.state()["safeResumeTick"]
    tail = duo.leader.call("GET", f"/_api/wal/tail?from={tick}")
    assert tail.headers["x-arango-replication-frompresent"] == "false", "the gap is real"
    duo.start()
    if not require:
        duo.caught_up()
        documents = duo.follower.documents("c")
        assert ("k100" in documents, "k200" in documents) == (False, True), "LF-IGNORE-GAP: lost, and ignored"
        assert duo.state()["totalResyncs"] == 0, "autoResync has no effect without requireFromPresent"
    elif resync and retries:
        duo.caught_up()
        duo.assert_equal()
        assert duo.state()["totalResyncs"] == 1
        duo.leader.insert("c", 10, first=300)
        duo.caught_up()
        duo.assert_equal()
    else:
        error = duo.stopped()
        assert error["errorNum"] == 1414
        assert tick in error["errorMessage"]
        assert duo.follower.count("c") == 10, "nothing was touched"
        assert duo.state()["totalResyncs"] == 0


def test_lf_require_present_forbids_no_start_from_a_tick_that_is_there(pruned: Pruned) -> None:
    duo = pruned.duos[True, False, 0]
    duo.start(duo.sync())
    duo.caught_up()
    duo.assert_equal()


def test_lf_require_present_is_also_asked_of_a_tick_that_a_user_gives(pruned: Pruned) -> None:
    duo = Duo(pruned.leader, pruned.follower)
    duo.configure(requireFromPresent=True)
    duo.start(1)
    assert duo.stopped()["errorNum"] == 1414


def test_lf_auto_resync_without_a_start_tick(pruned: Pruned) -> None:
    duo = Duo(pruned.leader, pruned.follower)
    duo.leader.create("c")
    duo.leader.insert("c", 10)
    duo.configure(autoResync=False)
    duo.start()
    assert duo.stopped()["errorNum"] == 1413
    duo.configure(autoResync=True, autoResyncRetries=0)
    duo.start()
    assert duo.stopped()["errorNum"] == 1413
    duo.configure(autoResync=True, autoResyncRetries=1)
    duo.start()
    duo.caught_up()
    duo.assert_equal()


@pytest.mark.parametrize("retries", [1, 3])
def test_lf_resync_retries_bound_the_resyncs_in_a_row(pruned: Pruned, retries: int) -> None:
    duo = Duo(pruned.leader, pruned.follower)
    duo.configure(endpoint="tcp://127.0.0.1:1", autoResync=True, autoResyncRetries=retries)
    duo.start()
    error = duo.stopped()
    assert error["errorNum"] == 1400
    assert f"gave up after {retries} automatic resynchronizations in a row" in error["errorMessage"]
    assert duo.state()["totalResyncs"] == retries


def test_lf_auto_resync_loses_nothing_that_is_written_meanwhile(pruned: Pruned) -> None:
    duo = Duo(pruned.leader, pruned.follower)
    duo.leader.create("c")
    duo.leader.insert("c", 5000)
    duo.configure(autoResync=True)
    with meanwhile(lambda number: duo.leader.transaction("c", ["x", "y"], number)):
        duo.start()
        wait_until(lambda: duo.state()["totalResyncs"] == 1, "the resync has begun")
        wait_until(lambda: duo.state()["phase"] == "running", "the resync has ended")
    duo.caught_up()
    duo.assert_equal()


def test_lf_loose_the_leader_knows_only_who_asked_and_forgets_them_when_it_restarts(pruned: Pruned) -> None:
    duo = Duo(pruned.leader, pruned.follower)
    duo.leader.create("c")

    def clients() -> list[dict[str, str]]:
        known: list[dict[str, str]] = duo.leader.expect("GET", "/_api/replication/logger-state")["clients"]
        return known

    syncers = {client["syncerId"] for client in clients()}
    duo.configure()
    assert {client["syncerId"] for client in clients()} == syncers, "a follower that never asked is not known"
    duo.follow()
    duo.caught_up()
    (mine,) = [client for client in clients() if client["syncerId"] not in syncers]
    assert mine["serverId"] == duo.follower.expect("GET", "/_api/replication/server-id")["serverId"]
    assert set(mine) == {"syncerId", "serverId", "clientInfo", "time", "expires", "lastServedTick"}
    duo.stop()
    assert [client for client in clients() if client["syncerId"] == mine["syncerId"]], (
        "it does not hear of a stop"
    )
    for path in ("/_api/cluster/endpoints", "/_api/replication/clusterInventory"):
        assert duo.leader.server.call("GET", path).status >= 400, "nothing names the servers that take part"
    pruned.leader.kill()
    pruned.leader.start()
    assert mine["syncerId"] not in {client["syncerId"] for client in clients()}
