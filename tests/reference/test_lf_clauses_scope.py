"""LF clauses on real servers by HTTP: what is replicated, in which order, how fast, and what never is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.reference.replication.duo import Duo, meanwhile
from tests.reference.server_process import Reply, ServerProcess, wait_until

NEVER = (
    "_apps",
    "_trx",
    "_replication",
    "_configuration",
    "_sessions",
    "_foxxlog",
    "_statistics",
    "_statisticsRaw",
)
QUEUES = ("_jobs", "_queues")
MAY = ("_aqlfunctions", "_graphs", "_users")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    folder = tmp_path_factory.mktemp("scope")
    with ServerProcess(folder / "leader") as leader, ServerProcess(folder / "follower") as follower:
        yield leader, follower


@pytest.fixture
def duo(servers: tuple[ServerProcess, ServerProcess]) -> Iterator[Duo]:
    duo = Duo(*servers)
    duo.leader.create("c")
    yield duo
    duo.drop()


def lines(reply: Reply) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.body.splitlines()]


def test_lf_wal_has_every_change_with_no_setup_on_the_leader(duo: Duo) -> None:
    leader = duo.leader
    before = leader.last_tick()
    leader.create("d")
    leader.insert("d", 2)
    leader.expect("PATCH", "/_api/document/d/k0", {"n": 7})
    leader.expect("DELETE", "/_api/document/d/k1")
    leader.transaction("d", ["x", "y"], 1)
    leader.expect("PUT", "/_api/collection/d/truncate")
    leader.expect("POST", "/_api/index?collection=d", {"type": "persistent", "fields": ["n"]})
    leader.expect("PUT", "/_api/collection/d/rename", {"name": "e"})
    leader.expect("DELETE", "/_api/collection/e")
    tail = leader.call("GET", f"/_api/wal/tail?from={before}")
    entries = lines(tail)
    assert tail.headers["content-type"].startswith("application/x-arango-dump")
    assert tail.headers["x-arango-replication-checkmore"] == "false"
    assert tail.headers["x-arango-replication-lastincluded"] == entries[-1]["tick"]
    types = [entry["type"] for entry in entries]
    assert [kind for kind in types if kind not in (2200, 2201)] == [
        *(2000, 2300, 2300, 2300, 2302, 2300, 2300, 2004, 2100, 2002, 2001)
    ]
    begin = types.index(2200, types.index(2302))
    tids = {entry["tid"] for entry in entries[begin : begin + 4]}
    assert (types[begin : begin + 4], len(tids)) == ([2200, 2300, 2300, 2201], 1)
    assert {entry["db"] for entry in entries} == {duo.name}
    ticks = [int(entry["tick"]) for entry in entries]
    assert ticks == sorted(ticks)


def test_lf_wal_keeps_what_was_acknowledged_after_a_sync(duo: Duo) -> None:
    before = duo.leader.last_tick()
    duo.leader.expect("POST", "/_api/document/c?waitForSync=true", {"_key": "kept"})
    duo.leader.server.kill()
    duo.leader.server.start()
    kept = lines(duo.leader.call("GET", f"/_api/wal/tail?from={before}"))
    assert [entry["data"]["_key"] for entry in kept if entry["type"] == 2300] == ["kept"]


def test_lf_wal_ranges_states_and_the_older_spelling_agree(duo: Duo) -> None:
    leader = duo.leader
    before = leader.last_tick()
    leader.insert("c", 1)
    bounds = leader.expect("GET", "/_api/wal/range")
    assert set(bounds) == {"time", "tickMin", "tickMax", "server"}
    state = leader.expect("GET", "/_api/replication/logger-state")
    assert set(state) == {"state", "server", "clients"}
    assert set(state["state"]) == {"running", "lastLogTick", "lastUncommittedLogTick", "totalEvents", "time"}
    last = leader.expect("GET", "/_api/wal/lastTick")
    assert last["tick"] == bounds["tickMax"] == state["state"]["lastLogTick"]
    assert leader.expect("GET", "/_api/replication/logger-first-tick") == {"firstTick": bounds["tickMin"]}
    ranges = leader.expect("GET", "/_api/replication/logger-tick-ranges")
    assert (ranges[0]["tickMin"], ranges[-1]["status"]) == (bounds["tickMin"], "open")
    for path in ("wal/open-transactions", "replication/determine-open-transactions"):
        assert leader.expect("GET", f"/_api/{path}?from=0&to=999999") == []
    followed = leader.call("GET", f"/_api/replication/logger-follow?from={before}")
    assert followed.headers["x-arango-replication-active"] == "true"
    (entry,) = [entry for entry in lines(followed) if entry["type"] == 2300]
    assert set(entry) == {"tick", "type", "database", "tid", "cid", "cname", "data"}
    nothing = leader.call("GET", f"/_api/wal/tail?from={leader.last_tick()}")
    assert (nothing.status, nothing.body) == (204, b"")
    assert nothing.headers["x-arango-replication-lastincluded"] == "0"
    leader.call("GET", "/_api/wal/tail?from=5&to=4").refused(400, 400)
    leader.call("GET", "/_api/wal/tail?to=0").refused(400, 400)
    leader.call("GET", "/_api/wal/tail?global=true").refused(403, 11)
    leader.call("PUT", "/_api/wal/tail", {"no": "array"}).refused(400, 400)
    leader.call("GET", "/_api/replication").refused(400, 601)
    leader.call("GET", "/_api/replication/nonsense").refused(400, 400)
    leader.call("POST", "/_api/replication/server-id").refused(405, 405)
    leader.call("PUT", "/_api/replication/applier-start?global=true").refused(403, 11)
    leader.server.call("PUT", "/_api/replication/applier-start?global=true").refused(501, 9)


def test_lf_converge_after_writers_of_all_kinds_in_parallel(duo: Duo) -> None:
    duo.leader.create("d", "e")
    duo.follow()

    def write(number: int) -> None:
        duo.leader.put("c", f"k{number % 50}", number)
        duo.leader.transaction("d", ["x", f"k{number}"], number)
        duo.leader.call("DELETE", f"/_api/document/c/k{number * 7 % 50}")

    def define(number: int) -> None:
        duo.leader.create(f"new{number}")
        duo.leader.insert(f"new{number}", 3)
        if number % 2:
            duo.leader.expect("DELETE", f"/_api/collection/new{number}")

    with meanwhile(write), meanwhile(define), meanwhile(lambda n: duo.leader.put("e", "one", n)):
        time.sleep(1.5)
    duo.caught_up()
    duo.assert_equal()


def test_lf_order_no_reader_of_the_follower_sees_a_later_write_without_the_earlier(duo: Duo) -> None:
    duo.leader.create("d")
    duo.leader.put("c", "first", 0)
    duo.leader.put("d", "second", 0)
    duo.follow()

    def write(number: int) -> None:
        duo.leader.put("c", "first", number)
        duo.leader.put("d", "second", number)

    seen: list[int] = []
    with meanwhile(write):
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            later = duo.follower.get("d", "second")
            earlier = duo.follower.get("c", "first")
            assert earlier is not None
            assert later is not None
            assert earlier >= later
            seen.append(later)
    assert seen == sorted(seen)
    assert len(set(seen)) >= 3, "the follower stood still, so nothing was tested"


def test_lf_lag_is_shown_and_measured(duo: Duo, record_property: Callable[[str, object], None]) -> None:
    duo.follow()
    behind: list[int] = []
    for number in range(50):
        duo.leader.put("c", "one", number)
        found = duo.follower.get("c", "one")
        behind.append(number - (-1 if found is None else found))
    began = time.monotonic()
    duo.caught_up()
    record_property("lag_writes", max(behind))
    record_property("lag_s", time.monotonic() - began)
    assert max(behind) > 0, "a follower that is never behind would be synchronous"
    duo.assert_equal()


def test_lf_per_database_replicates_no_other(duo: Duo) -> None:
    other = Duo(duo.leader.server, duo.follower.server)
    duo.follow()
    other.leader.create("c")
    other.leader.insert("c", 3)
    duo.leader.insert("c", 3)
    duo.caught_up()
    assert other.follower.collections() == []
    tail = lines(duo.leader.call("GET", "/_api/wal/tail?from=0"))
    assert {entry["db"] for entry in tail} == {duo.name}
    other.drop()


@pytest.mark.parametrize("included", [False, True])
def test_lf_include_system_decides_about_system_collections(duo: Duo, included: bool) -> None:
    duo.leader.create("_mine", isSystem=True)
    duo.leader.insert("_mine", 3)
    duo.leader.insert("_graphs", 1)
    duo.follow(includeSystem=included)
    duo.leader.insert("_mine", 3, first=10)
    duo.leader.insert("_graphs", 1, first=10)
    duo.leader.insert("c", 1)
    duo.caught_up()
    assert duo.follower.count("c") == 1
    assert ("_mine" in duo.follower.collections(system=True)) == included
    assert duo.follower.count("_graphs") == (2 if included else 0)
    if included:
        for name in ("_mine", "_graphs"):
            assert duo.follower.documents(name) == duo.leader.documents(name)


def fill_system_collections(duo: Duo) -> None:
    """One document in each of the documents' collections, made where they are not."""
    present = duo.leader.collections(system=True)
    for name in (*NEVER, *QUEUES, *MAY):
        if name not in present:
            duo.leader.create(name, isSystem=True)
        duo.leader.put(name, "document", 1)


def leaving(duo: Duo, tick: int, query: str) -> tuple[set[str], set[str]]:
    """System collections in the inventory, and those of which the tail has documents."""
    batch = duo.leader.expect("POST", "/_api/replication/batch", {"ttl": 60})["id"]
    inventory = duo.leader.expect("GET", f"/_api/replication/inventory?batchId={batch}&{query}")
    listed = {described["parameters"]["name"] for described in inventory["collections"]}
    entries = lines(duo.leader.call("GET", f"/_api/replication/logger-follow?from={tick}&{query}"))
    tailed = {entry["cname"] for entry in entries if entry["type"] == 2300}
    for name in NEVER:
        path = f"/_api/replication/dump?collection={name}&batchId={batch}"
        assert duo.leader.call("GET", path).status in (403, 404)
    duo.leader.call("DELETE", f"/_api/replication/batch/{batch}").expect(204)
    return listed, tailed


@pytest.mark.parametrize("queues", [False, True])
def test_lf_excluded_collections_never_leave_and_lf_foxx_queues_only_on_demand(
    duo: Duo, queues: bool
) -> None:
    """LF-EXCLUDED, LF-FOXX-QUEUES."""
    tick = duo.leader.last_tick()
    fill_system_collections(duo)
    query = f"includeSystem=true&includeFoxxQueues={str(queues).lower()}"
    for names in leaving(duo, tick, query):
        assert not names & set(NEVER)
        assert names >= set(MAY)
        assert names & set(QUEUES) == (set(QUEUES) if queues else set())
    duo.follow(includeSystem=True, includeFoxxQueues=queues)
    for name in (*NEVER, *QUEUES, *MAY):
        duo.leader.put(name, "later", 1)
    duo.caught_up()
    for name in MAY:
        assert {"document", "later"} <= duo.follower.documents(name).keys()
    for name in QUEUES:
        assert ("later" in duo.follower.documents(name)) == queues
    for name in NEVER:
        if name in duo.follower.collections(system=True):
            assert not {"document", "later"} & duo.follower.documents(name).keys()


def test_lf_foxx_files_stay_where_they_are(duo: Duo) -> None:
    folder = duo.leader.server.directory / "apps" / "shop"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    duo.follow(includeSystem=True)
    duo.leader.insert("c", 1)
    duo.caught_up()
    assert not list(duo.follower.server.directory.rglob("manifest.json"))


def test_lf_polling_pauses_keep_to_their_bounds(duo: Duo) -> None:
    others = [Duo(duo.leader.server, duo.follower.server) for _ in range(2)]
    duo.follow(idleMinWaitTime=0.3, idleMaxWaitTime=3, adaptivePolling=False)
    others[0].follow(idleMinWaitTime=0.3, idleMaxWaitTime=3, adaptivePolling=True)
    others[1].follow(idleMinWaitTime=2, idleMaxWaitTime=3, adaptivePolling=False)

    def requests(seconds: float) -> list[int]:
        before = [each.state()["totalRequests"] for each in (duo, *others)]
        time.sleep(seconds)
        return [each.state()["totalRequests"] - was for each, was in zip((duo, *others), before, strict=True)]

    steady, adaptive, slow = requests(4.4)
    assert 6 <= steady <= 15, "every 0.3 s"
    assert 6 <= adaptive <= 15, "not longer as long as little time has passed in vain"
    assert slow in (2, 3), "every 2 s"
    time.sleep(0.7)
    steady, adaptive, _ = requests(3)
    assert 3 <= steady <= 10
    assert 2 <= adaptive <= 6, "every 0.6 s after 15 requests in vain"
    for other in others:
        other.drop()


def test_lf_polling_asks_on_at_once_while_there_is_more(duo: Duo) -> None:
    duo.follow(idleMinWaitTime=30, idleMaxWaitTime=30, adaptivePolling=False, chunkSize=1000)
    duo.stop()
    duo.leader.insert("c", 2000)
    began = time.monotonic()
    duo.start()
    duo.caught_up()
    assert time.monotonic() - began < 20, "no pause of 30 s in between"
    assert duo.state()["totalRequests"] > 20


def test_a_batch_ends_with_its_time_and_dumps_one_moment(duo: Duo) -> None:
    duo.leader.insert("c", 500)
    short, long = (
        duo.leader.expect("POST", "/_api/replication/batch", {"ttl": ttl})["id"] for ttl in (0.2, 60)
    )
    writer = threading.Thread(target=duo.leader.insert, args=("c", 500), kwargs={"first": 500})
    writer.start()
    found: list[dict[str, Any]] = []
    more = True
    while more:
        path = f"/_api/replication/dump?collection=c&batchId={long}&chunkSize=2000&useEnvelope=false"
        piece = duo.leader.call("GET", path)
        found += lines(piece)
        more = piece.headers["x-arango-replication-checkmore"] == "true"
    writer.join()
    assert len(found) == len({document["_key"] for document in found}) == 500
    assert duo.leader.call("GET", f"/_api/replication/dump?collection=c&batchId={long}").status == 204
    duo.leader.call("PUT", f"/_api/replication/batch/{long}", {"ttl": 60}).expect(204)
    duo.leader.call("GET", f"/_api/replication/dump?collection=nothing&batchId={long}").refused(404, 1203)
    expired = f"/_api/replication/inventory?batchId={short}"
    wait_until(lambda: duo.leader.call("GET", expired).status != 200, "the short batch expires")
    duo.leader.call("GET", expired).refused(404, 1600)
    duo.leader.call("GET", "/_api/replication/inventory").refused(404, 1600)
    duo.leader.call("GET", "/_api/replication/dump?collection=c").refused(404, 400)
    duo.leader.call("DELETE", f"/_api/replication/batch/{long}").expect(204)
    duo.leader.call("DELETE", f"/_api/replication/batch/{long}").refused(404, 1600)
    duo.leader.call("POST", "/_api/replication/batch", {"ttl": "long"}).refused(400, 10)
