"""The engine: definitions, restarts, snapshots, checkpoints, damage."""

from __future__ import annotations

import asyncio
from random import Random

import msgspec
import pytest

from reference.errors import ArangoError
from reference.storage import documents
from reference.storage.corruption import CorruptStorage
from reference.storage.engine import Engine
from reference.storage.settings import StorageOptions
from tests.reference.storage.engines import contents, open_engine, put
from tests.reference.storage.memory_disk import ManualClock, MemoryDisk, memory_world


async def test_a_new_server_has_its_system_database_and_an_id_that_stays() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    assert [(d.name, d.id) for d in engine.databases()] == [("_system", 1)]
    assert 2**47 <= int(engine.server_id) < 2**48
    again = await Engine.open(memory_world(disk.killed(), seed=99))
    assert again.server_id == engine.server_id


@pytest.mark.parametrize("name", ["SERVER", "CLOCK"])
async def test_a_damaged_small_file_is_refused_by_name(name: str) -> None:
    disk = MemoryDisk()
    await open_engine(disk)
    disk.files[name].data[:3] = b"{?}"
    with pytest.raises(CorruptStorage, match=name):
        await open_engine(disk.killed())


async def test_definitions_survive_a_restart_from_the_log_and_from_a_checkpoint() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    other = await engine.create_database("other")
    edges = await engine.create_collection(
        other, "links", kind=3, wait_for_sync=True, properties={"schema": {"rule": {}}}, guid="leader/7"
    )
    index = await engine.create_index(edges, {"type": "persistent", "fields": ["a"], "unique": True})
    gone = await engine.create_index(edges, {"type": "persistent", "fields": ["b"]})
    await engine.drop_index(edges, gone["id"])
    await engine.change_collection(edges, wait_for_sync=False, properties={"cacheEnabled": True})
    for _ in range(2):
        engine = await open_engine(disk.killed())
        found = engine.database("other").collection("links")
        assert found.definition() == edges.definition()
        assert (found.kind, found.wait_for_sync, found.guid) == (3, False, "leader/7")
        assert found.properties == {"schema": {"rule": {}}, "cacheEnabled": True}
        assert found.indexes == (index,)
        assert engine.database("other").by_guid("leader/7") is found
        assert engine.database("other").find(str(edges.id)) is found
        disk = disk.killed()
        engine = await open_engine(disk)
        await engine.flush()


async def test_what_was_dropped_is_still_known_to_the_logs_readers_after_a_restart() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    other = await engine.create_database("other")
    collection = await engine.create_collection(other, "c")
    kept = await engine.create_collection(engine.database("_system"), "k")
    await engine.drop_database("other")
    await engine.drop_collection(kept)
    await engine.flush()
    for each in (engine, await open_engine(disk.killed())):
        assert each.database_name(other.id) == "other"
        identity = each.identity(collection.id)
        assert identity is not None
        assert (identity.name, identity.guid, identity.is_dropped) == ("c", collection.guid, True)
        assert each.collection(collection.id) is None
        assert [d.name for d in each.databases()] == ["_system"]


@pytest.mark.parametrize(
    ("name", "number"),
    [("1a", 1208), ("_x", 1208), ("a b", 1208), ("a" * 257, 1208), ("", 1208), ("c", 1207)],
)
async def test_an_illegal_or_taken_collection_name_is_refused(name: str, number: int) -> None:
    engine = await open_engine()
    await engine.create_collection(engine.database("_system"), "c")
    with pytest.raises(ArangoError) as caught:
        await engine.create_collection(engine.database("_system"), name)
    assert caught.value.number == number


async def test_databases_refuse_wrong_names_and_system_stays() -> None:
    engine = await open_engine()
    await engine.create_database("other")
    refusals = [("1x", 1229), ("_x", 1229), ("a" * 65, 1229), ("other", 1207)]
    for name, number in refusals:
        with pytest.raises(ArangoError) as caught:
            await engine.create_database(name)
        assert caught.value.number == number
    with pytest.raises(ArangoError) as caught:
        await engine.drop_database("_system")
    assert caught.value.number == 11
    with pytest.raises(ArangoError) as caught:
        await engine.drop_database("nowhere")
    assert caught.value.number == 1228


async def test_a_renamed_collection_spells_its_ids_anew_also_after_a_restart() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    collection = await engine.create_collection(engine.database("_system"), "old")
    await put(engine, collection, "k", 1)
    await engine.rename_collection(collection, "new")
    for each in (engine, await open_engine(disk.killed())):
        found = each.database("_system").collection("new").table.newest("k")
        assert found is not None
        assert found.body is not None
        assert msgspec.json.decode(found.body)["_id"] == "new/k"


async def test_a_rename_during_a_checkpoint_is_recovered() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    collection = await engine.create_collection(engine.database("_system"), "old")
    await put(engine, collection, "k", {"_id": "old/nested"})
    await put(engine, collection, "other", "x" * 100_000)
    flush = asyncio.create_task(engine.flush())
    while not disk.exists("checkpoints/unfinished"):
        await asyncio.sleep(0)
    await engine.rename_collection(collection, "new")
    await flush
    again = await open_engine(disk.killed())
    for key, value in (("k", {"_id": "old/nested"}), ("other", "x" * 100_000)):
        found = again.database("_system").collection("new").table.newest(key)
        assert found is not None
        assert found.body is not None
        document = msgspec.json.decode(found.body)
        assert (document["_id"], document["value"]) == (f"new/{key}", value)


async def test_the_checksum_ignores_the_order_and_sees_every_difference() -> None:
    engine = await open_engine()
    database = engine.database("_system")
    one, two = [await engine.create_collection(database, name) for name in ("one", "two")]
    assert one.checksum() == 0
    for key in "abc":
        await put(engine, one, key, key)
    for key in "cab":
        await put(engine, two, key, key)
    assert one.checksum(with_data=True) == two.checksum(with_data=True) != 0
    assert one.checksum(with_revisions=True) != two.checksum(with_revisions=True)
    await put(engine, two, "a", "other")
    assert one.checksum() == two.checksum()
    assert one.checksum(with_data=True) != two.checksum(with_data=True)


async def test_a_snapshot_waits_for_writes_that_are_in_the_log_but_not_yet_visible() -> None:
    engine = await open_engine()
    collection = await engine.create_collection(engine.database("_system"), "c")
    write = asyncio.create_task(put(engine, collection, "k", 1, sync=True))
    await asyncio.sleep(0)
    assert contents(collection) == {}
    assert engine.log.last_tick > engine.log.durable_tick
    snapshot = await engine.snapshot()
    assert [document.key for document in snapshot.documents(collection)] == ["k"]
    assert snapshot.tick <= engine.log.durable_tick
    await write
    snapshot.release()


async def test_a_snapshot_can_be_read_in_pieces_while_everything_changes() -> None:
    engine = await open_engine()
    database = engine.database("_system")
    collection = await engine.create_collection(database, "c")
    for number in range(100):
        await put(engine, collection, str(number), number)
    snapshot = await engine.snapshot()
    reader = snapshot.documents(collection)
    seen = [next(reader).key for _ in range(10)]
    await put(engine, collection, "50", "changed")
    await put(engine, collection, "new", 1)
    await engine.truncate(collection)
    await put(engine, collection, "newer", 1)
    seen += [document.key for document in reader]
    assert seen == [str(number) for number in range(100)]
    assert snapshot.count(collection) == 100
    found = snapshot.get(collection, "50")
    assert found is not None
    assert msgspec.json.decode(found.body)["value"] == 50
    await engine.drop_collection(collection)
    assert snapshot.count(collection) == 100
    snapshot.release()
    snapshot.release()


async def test_a_damaged_checkpoint_is_refused_with_file_and_offset() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    collection = await engine.create_collection(engine.database("_system"), "c")
    await put(engine, collection, "key", 1)
    await engine.flush()
    name = "checkpoints/" + disk.list("checkpoints")[-1]
    data = disk.files[name].data
    data[data.index(b'"key"')] ^= 1
    with pytest.raises(CorruptStorage, match=rf"{name} is damaged at offset \d+"):
        await open_engine(disk.killed())


async def test_a_checkpoint_cut_short_is_refused() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    await engine.flush()
    name = "checkpoints/" + disk.list("checkpoints")[-1]
    del disk.files[name].data[-70:]
    with pytest.raises(CorruptStorage, match="is damaged"):
        await open_engine(disk.killed())


async def test_a_crash_in_the_middle_of_a_checkpoint_costs_nothing() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    collection = await engine.create_collection(engine.database("_system"), "c")
    for number in range(2000):
        await put(engine, collection, str(number), "x" * 100)
    flush = asyncio.create_task(engine.flush())
    while not (disk.exists("checkpoints/unfinished") and disk.files["checkpoints/unfinished"].data):
        await asyncio.sleep(0)
    crashed = disk.power_loss(Random(3))
    await flush
    again = await open_engine(crashed)
    assert again.database("_system").collection("c").count == 2000
    await again.flush()
    assert not crashed.exists("checkpoints/unfinished")


async def test_the_log_is_checkpointed_and_pruned_as_it_grows() -> None:
    disk, clock = MemoryDisk(), ManualClock()
    options = StorageOptions(
        segment_bytes=20_000, checkpoint_bytes=50_000, wal_file_timeout_s=1, wal_file_timeout_initial_s=2
    )
    engine = await open_engine(disk, clock, options)
    collection = await engine.create_collection(engine.database("_system"), "c")
    for _ in range(20):
        for number in range(30):
            await put(engine, collection, str(number), "x" * 100)
        await clock.advance(1.0)
    assert len(disk.list("checkpoints")) == 1
    assert engine.log.first_tick > 1
    assert len(engine.log.ranges()) < 8
    again = await open_engine(disk.killed(), clock, options)
    assert again.database("_system").collection("c").count == 30


async def test_a_full_disk_stops_no_background_work_for_good() -> None:
    disk, clock = MemoryDisk(), ManualClock()
    options = StorageOptions(checkpoint_bytes=1)
    engine = await open_engine(disk, clock, options)
    collection = await engine.create_collection(engine.database("_system"), "c")
    disk.space = 10
    await clock.advance(1.0)
    assert disk.list("checkpoints") == [], "what a full disk could not take is given back"
    disk.space = None
    await put(engine, collection, "k", 1)
    await clock.advance(1.0)
    assert len(disk.list("checkpoints")) == 1


async def test_numbers_of_autoincrement_keys_are_not_given_twice_after_a_checkpoint() -> None:
    disk = MemoryDisk()
    engine = await open_engine(disk)
    database = engine.database("_system")
    collection = await engine.create_collection(
        database, "c", key_options={"type": "autoincrement", "increment": 5, "offset": 3}
    )
    keys = []
    for _ in range(3):
        with await engine.transactions.auto(database, collection) as transaction:
            keys.append(documents.insert(transaction, collection, {}).key)
            await transaction.commit()
    assert keys == ["8", "13", "18"]
    with await engine.transactions.auto(database, collection) as transaction:
        documents.remove(transaction, collection, "18")
        await transaction.commit()
    await engine.flush()
    engine = await open_engine(disk.killed())
    database = engine.database("_system")
    collection = database.collection("c")
    with await engine.transactions.auto(database, collection) as transaction:
        assert documents.insert(transaction, collection, {}).key == "23"
