"""A stranger's client: python-arango, with its formatters made strict as in its own test suite.

Strict means: an answer with a member that the driver does not know is an error (null values excepted).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import arango
import arango.formatter
import pytest
from arango.client import ArangoClient
from arango.exceptions import (
    CollectionCreateError,
    DatabaseCreateError,
    DocumentGetError,
    DocumentInsertError,
    DocumentRevisionError,
    JWTAuthError,
    ReplicationDumpBatchExtendError,
    ReplicationInventoryError,
    ServerConnectionError,
    TransactionCommitError,
)
from arango.http import DefaultHTTPClient

from reference import VERSION
from tests.reference.server_process import ServerProcess, wait_until

# The driver's results are unions of what its three ways of execution give; here they are what the plain way
# gives.
SECRET = "a secret that both servers know, of more than 32 bytes"


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch) -> None:
    def verify_format(body: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        sent = {name: value for name, value in body.items() if name not in {"error", "code"}}
        assert _known(sent) == _known(result), f"unknown members: {sorted(sent)} became {sorted(result)}"
        return result

    monkeypatch.setattr(arango.formatter, "verify_format", verify_format)


def _known(members: dict[str, Any]) -> int:
    # "edge" is a conclusion that the driver adds to what it was told.
    return sum(value is not None for name, value in members.items() if name != "edge")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("arango")
    (folder / "secret").write_text(SECRET)
    options = ("--server.authentication=true", f"--server.jwt-secret-keyfile={folder / 'secret'}")
    with ServerProcess(folder / "data", *options) as process:
        yield process


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[ArangoClient]:
    made = ArangoClient(hosts=server.url, http_client=DefaultHTTPClient(retry_attempts=0))
    yield made
    made.close()


@pytest.fixture(scope="module")
def system(client: ArangoClient) -> Any:
    return client.db("_system", username="root", password="", verify=True)


@pytest.fixture(scope="module")
def db(client: ArangoClient, system: Any) -> Any:
    users = [{"username": "stranger", "password": "pw", "active": True, "extra": {"from": "far"}}]
    assert system.create_database("stranger_db", users=users)
    return client.db("stranger_db", username="stranger", password="pw", verify=True)


@pytest.fixture
def collection(db: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    made = db.create_collection("docs")
    yield made
    db.delete_collection("docs")


def test_connect_with_user_and_password(client: ArangoClient, db: Any) -> None:
    assert db.username == "stranger"
    assert db.version() == VERSION
    for name, password in (("stranger", "wrong"), ("nobody", "")):
        with pytest.raises(ServerConnectionError, match="bad username"):
            client.db("stranger_db", username=name, password=password, verify=True)


def test_connect_with_a_token(client: ArangoClient, db: Any) -> None:
    bearer: Any = client.db("stranger_db", username="stranger", password="pw", auth_method="jwt", verify=True)
    assert bearer.has_collection("_graphs")
    bearer.conn.refresh_token()
    assert bearer.version() == VERSION
    with pytest.raises(JWTAuthError) as refused:
        client.db("stranger_db", username="stranger", password="no", auth_method="jwt")
    assert refused.value.http_code == 401


def test_databases_come_and_go(system: Any, db: Any) -> None:
    assert {"_system", "stranger_db"} <= set(system.databases())
    assert system.create_database("short_lived")
    with pytest.raises(DatabaseCreateError) as refused:
        system.create_database("short_lived")
    assert refused.value.error_code == 1207
    assert system.delete_database("short_lived")
    assert not system.has_database("short_lived")
    assert system.delete_database("short_lived", ignore_missing=True) is False
    properties = db.properties()
    assert (properties["name"], properties["system"]) == ("stranger_db", False)


def test_collections_with_all_their_properties(db: Any) -> None:
    made = db.create_collection("shaped", sync=True, key_generator="autoincrement", key_increment=5)
    properties = made.properties()
    assert (properties["name"], properties["sync"], properties["system"]) == ("shaped", True, False)
    assert properties["key_options"]["key_generator"] == "autoincrement"
    assert made.configure(sync=False)["sync"] is False
    assert made.insert({})["_key"].isdigit()
    assert made.count() == 1
    assert made.checksum(with_rev=True, with_data=True) != "0"
    assert made.statistics()["indexes"]["count"] == 1
    assert made.truncate()
    assert made.count() == 0
    with pytest.raises(CollectionCreateError) as refused:
        db.create_collection("shaped")
    assert refused.value.error_code == 1207
    assert {entry["name"] for entry in db.collections() if not entry["system"]} == {"shaped"}
    assert db.delete_collection("shaped")


def test_documents_are_written_and_read(collection: Any) -> None:
    made = collection.insert({"_key": "k", "v": 1}, return_new=True)
    assert made["new"]["v"] == 1
    assert collection.get("k") == made["new"]
    assert collection.get({"_id": "docs/k"}, rev=made["_rev"])["v"] == 1
    assert "k" in collection
    assert collection.get("none") is None
    assert collection.has("k", rev=made["_rev"])
    updated = collection.update({"_key": "k", "w": {"a": 1}}, return_old=True)
    assert (updated["old"]["v"], updated["_old_rev"]) == (1, made["_rev"])
    replaced = collection.replace({"_key": "k", "x": 1}, sync=True)
    assert collection.get("k") == {"_key": "k", "_id": "docs/k", "_rev": replaced["_rev"], "x": 1}
    assert collection.insert({"_key": "k", "y": 1}, overwrite_mode="update")["_old_rev"] == replaced["_rev"]
    with pytest.raises(DocumentInsertError) as refused:
        collection.insert({"_key": "k"})
    assert (refused.value.http_code, refused.value.error_code) == (409, 1210)
    assert collection.insert({"_key": "k"}, overwrite=True, silent=True) is True
    assert collection.delete("k", return_old=True)["old"]["_key"] == "k"
    assert collection.delete("k", ignore_missing=True) is False


def test_a_stale_revision_is_noticed(collection: Any) -> None:
    first = collection.insert({"_key": "k", "v": 1})
    second = collection.update({"_key": "k", "_rev": first["_rev"], "v": 2}, check_rev=True)
    for write in (collection.update, collection.replace, collection.delete):
        with pytest.raises(DocumentRevisionError) as refused:
            write({"_key": "k", "_rev": first["_rev"], "v": 3}, check_rev=True)
        assert (refused.value.http_code, refused.value.error_code) == (412, 1200)
    with pytest.raises(DocumentRevisionError):
        collection.get("k", rev=first["_rev"])
    assert collection.get("k", rev=second["_rev"])["v"] == 2
    assert collection.update({"_key": "k", "_rev": first["_rev"], "v": 4}, check_rev=False)["_old_rev"]


def test_many_documents_at_once(collection: Any) -> None:
    made = collection.insert_many([{"_key": "a"}, {"_key": "a"}, {"_key": "b"}])
    assert isinstance(made[1], DocumentInsertError)
    assert made[1].error_code == 1210
    assert {document["_key"] for document in collection.get_many(["a", "b", "none"])} == {"a", "b"}
    changed = collection.update_many([{"_key": "a", "v": 1}, {"_key": "b", "v": 2}], return_new=True)
    assert [result["new"]["v"] for result in changed] == [1, 2]
    stale = collection.replace_many([{"_key": "a", "_rev": made[0]["_rev"]}], check_rev=True)
    assert isinstance(stale[0], DocumentRevisionError)
    assert len(collection.delete_many(["a", {"_key": "b"}])) == 2
    assert collection.count() == 0


def test_indexes_are_recorded(collection: Any) -> None:
    made = collection.add_persistent_index(fields=["a", "b"], unique=True, sparse=False, name="ab")
    assert (made["fields"], made["unique"], made["new"]) == (["a", "b"], True, True)
    assert collection.add_hash_index(fields=["h"])["type"] == "hash"
    assert collection.add_ttl_index(fields=["t"], expiry_time=1000)["expiry_time"] == 1000
    assert [index["type"] for index in collection.indexes()] == ["primary", "persistent", "hash", "ttl"]
    assert collection.delete_index(made["id"])
    assert len(collection.indexes()) == 3


def test_a_stream_transaction_commits_or_leaves_nothing(db: Any, collection: Any) -> None:
    transaction = db.begin_transaction(write="docs", sync=True, lock_timeout=5)
    assert transaction.transaction_status() == "running"
    inside = transaction.collection("docs")
    inside.insert({"_key": "k", "v": 1})
    assert inside.get("k")["v"] == 1
    assert collection.get("k") is None
    assert [entry["state"] for entry in db.list_transactions()] == ["running"]
    assert transaction.commit_transaction()
    assert transaction.transaction_status() == "committed"
    assert collection.get("k")["v"] == 1

    other = db.begin_transaction(read="docs", write=["docs"])
    other.collection("docs").delete("k")
    assert other.abort_transaction()
    assert collection.get("k")["v"] == 1
    with pytest.raises(TransactionCommitError) as refused:
        other.commit_transaction()
    assert refused.value.error_code == 1653


def test_jobs_hold_their_results(db: Any, collection: Any) -> None:
    later = db.begin_async_execution(return_result=True)
    job = later.collection("docs").insert({"_key": "k", "v": 1})
    failing = later.collection("docs").get({"_id": "docs/k", "_rev": "wrong"})
    for each in (job, failing):
        wait_until(lambda each=each: each.status() == "done", "the job's end")
    assert {job.id, failing.id} <= set(db.async_jobs("done"))
    assert job.result()["_key"] == "k"
    with pytest.raises(DocumentRevisionError):
        failing.result()
    assert db.begin_async_execution(return_result=False).collection("docs").insert({"_key": "x"}) is None
    wait_until(lambda: collection.get("x") is not None, "the write")
    assert db.clear_async_jobs()


def test_users_and_their_permissions(system: Any, db: Any, client: ArangoClient) -> None:
    assert system.create_user("bob", "pw", active=True, extra={"a": 1}) == {
        "username": "bob",
        "active": True,
        "extra": {"a": 1},
    }
    assert system.update_permission("bob", "ro", "stranger_db")
    assert system.permission("bob", "stranger_db") == "ro"
    assert system.permissions("bob")["stranger_db"]["permission"] == "ro"
    db.create_collection("guarded")
    reader = client.db("stranger_db", username="bob", password="pw", verify=True)
    with pytest.raises(DocumentInsertError) as refused:
        reader.collection("guarded").insert({})
    assert (refused.value.http_code, refused.value.error_code) == (403, 11)
    assert system.update_permission("bob", "none", "stranger_db", "guarded")
    with pytest.raises(DocumentGetError) as hidden:
        reader.collection("guarded").get("k")
    assert hidden.value.error_code == 11
    assert system.reset_permission("bob", "stranger_db", "guarded")
    assert system.permission("bob", "stranger_db", "guarded") == "ro"
    assert system.update_user("bob", password="new")["username"] == "bob"
    assert system.replace_user("bob", password="third", active=False)["active"] is False
    with pytest.raises(ServerConnectionError):
        client.db("stranger_db", username="bob", password="third", verify=True)
    assert system.delete_user("bob")
    assert not system.has_user("bob")
    db.delete_collection("guarded")


def test_what_the_server_says_of_itself(system: Any) -> None:
    assert system.status()["server"] == "arango"
    assert system.details()["server-version"] == VERSION
    assert system.engine()["name"] == "rocksdb"
    assert system.role() == "SINGLE"
    assert system.license() == {"license": "none"}
    assert system.required_db_version() == "30912"
    assert system.statistics(description=False)["server"]["uptime"] > 0
    assert {"figures", "groups"} <= set(system.statistics(description=True))
    assert abs(system.time().timestamp() - time.time()) < 60
    assert "arangodb" in system.metrics()
    assert system.echo()["url"].endswith("/_admin/echo")
    assert system.tasks() == []


def test_replication_state_and_inventory(system: Any, db: Any, collection: Any) -> None:
    collection.insert_many([{"_key": "a"}, {"_key": "b"}])
    replication = client_rights(system, db).replication
    state = replication.logger_state()
    assert state["state"]["running"] is True
    assert int(state["state"]["last_log_tick"]) > 0
    assert replication.server_id().isdigit()
    assert int(replication.logger_first_tick()) >= 0
    assert replication.applier_state()["state"]["running"] is False
    assert replication.applier_config()["auto_start"] is False
    batch = replication.create_dump_batch(ttl=60)
    inventory = replication.inventory(batch["id"], include_system=False)
    assert [entry["parameters"]["name"] for entry in inventory["collections"]] == ["docs"]
    assert int(inventory["tick"]) >= int(batch["last_tick"]) > 0
    dump = replication.dump("docs", batch_id=batch["id"], deserialize=True)
    assert {line["data"]["_key"] for line in dump["content"][0]} == {"a", "b"}
    assert replication.extend_dump_batch(batch["id"], ttl=60)
    assert replication.delete_dump_batch(batch["id"])
    with pytest.raises(ReplicationInventoryError) as gone:
        replication.inventory(batch["id"])
    assert gone.value.error_code == 1600
    with pytest.raises(ReplicationDumpBatchExtendError):
        replication.extend_dump_batch(batch["id"], ttl=60)


def client_rights(system: Any, db: Any) -> Any:
    """Give the stranger what reading the log asks for."""
    system.update_permission("stranger", "rw", "_system")
    return db


def test_the_log_is_readable(system: Any, db: Any, collection: Any) -> None:
    ticks = system.wal.tick_ranges()
    assert int(ticks["tick_max"]) >= int(ticks["tick_min"])
    before = system.wal.last_tick()["tick"]
    collection.insert({"_key": "seen", "v": 1})
    tail = client_rights(system, db).wal.tail(lower=before)
    assert '"_key":"seen"' in tail["content"]
    assert int(tail["last_included"]) > int(before)
    assert system.wal.flush()


def test_replication_between_two_servers_by_the_driver(
    server: ServerProcess, db: Any, collection: Any, tmp_path: Path
) -> None:
    collection.insert({"_key": "before"})
    with ServerProcess(tmp_path / "follower") as follower:
        copy = ArangoClient(hosts=follower.url, http_client=DefaultHTTPClient(retry_attempts=0))
        assert copy.db("_system").create_database("stranger_db")
        here: Any = copy.db("stranger_db")
        state = here.replication.make_slave(
            endpoint=server.endpoint, database="stranger_db", username="stranger", password="pw"
        )
        assert state["state"]["running"] is True
        collection.insert({"_key": "after"})
        wait_until(lambda: here.collection("docs").get("after") is not None, "the replication")
        assert here.collection("docs").get("before") == collection.get("before")
        assert here.replication.stop_applier()["state"]["running"] is False
        copy.close()
