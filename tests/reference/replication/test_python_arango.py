"""A stranger's client on replication: its formatters refuse members that ArangoDB does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from arango.client import ArangoClient
from arango.exceptions import ReplicationApplierConfigSetError, ReplicationSyncError

from tests.reference.replication.duo import Duo
from tests.reference.server_process import ServerProcess


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duo]:
    folder = tmp_path_factory.mktemp("stranger")
    with ServerProcess(folder / "leader") as leader, ServerProcess(folder / "follower") as follower:
        duo = Duo(leader, follower)
        duo.leader.create("c")
        duo.leader.insert("c", 10)
        yield duo


def connect(duo: Duo, *, follower: bool) -> Any:
    side = duo.follower if follower else duo.leader
    return ArangoClient(hosts=side.server.url).db(duo.name, username="root", password="")


def test_a_stranger_reads_the_leader(duo: Duo) -> None:
    database = connect(duo, follower=False)
    replication = database.replication
    state = replication.logger_state()
    assert state["state"]["running"] is True
    assert state["server"]["server_id"] == replication.server_id()
    assert int(replication.logger_first_tick()) <= int(state["state"]["last_log_tick"])
    batch = replication.create_dump_batch(ttl=100)
    inventory = replication.inventory(batch["id"])
    (described,) = [each for each in inventory["collections"] if each["parameters"]["name"] == "c"]
    assert described["parameters"]["type"] == 2
    dump = replication.dump("c", batch_id=batch["id"], chunk_size=0, deserialize=True)
    assert (len(dump["content"][0]), dump["check_more"]) == (10, False)
    assert replication.extend_dump_batch(batch["id"], 100) is True
    assert replication.delete_dump_batch(batch["id"]) is True
    ticks = database.wal.tick_ranges()
    assert int(ticks["tick_min"]) <= int(database.wal.last_tick()["tick"])
    tail = database.wal.tail(lower=0, chunk_size=1 << 20)
    assert tail["last_included"] == tail["last_tick"]
    assert tail["check_more"] is False
    assert tail["from_present"] is True


def test_a_stranger_drives_the_applier(duo: Duo) -> None:
    replication = connect(duo, follower=True).replication
    assert replication.applier_state()["state"]["running"] is False
    with pytest.raises(ReplicationApplierConfigSetError):
        replication.set_applier_config(endpoint="")
    endpoint = duo.leader.server.endpoint
    configured = replication.set_applier_config(
        endpoint=endpoint,
        username="root",
        password="",
        include_system=False,
        auto_resync=True,
    )
    assert configured["endpoint"] == endpoint
    assert "password" not in configured
    assert replication.applier_config() == configured
    assert replication.start_applier()["state"]["running"] is True
    duo.caught_up()
    assert replication.applier_state()["state"]["total_resyncs"] == 1
    assert replication.stop_applier()["state"]["running"] is False
    synchronized = replication.synchronize(endpoint, include_system=False)
    assert [collection["name"] for collection in synchronized["collections"]] == ["c"]
    assert replication.make_slave(endpoint, include_system=False)["state"]["running"] is True
    with pytest.raises(ReplicationSyncError):
        replication.synchronize(endpoint)
    duo.caught_up()
    duo.assert_equal()
