"""Transactions: isolation, conflicts, locks, durability, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from reference.errors import ArangoError
from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.engine import Engine
from reference.storage.record import BEGIN, COMMIT, PUT
from reference.storage.settings import StorageOptions
from reference.storage.transaction import Transaction
from tests.reference.storage.memory_disk import ManualClock, MemoryDisk, memory_world


class Server:
    """An engine with one collection and a clock that tests move."""

    def __init__(self, engine: Engine, collection: Collection, clock: ManualClock, disk: MemoryDisk) -> None:
        self.engine = engine
        self.collection = collection
        self.clock = clock
        self.disk = disk

    @property
    def database(self) -> Database:
        return self.engine.database("_system")

    async def begin(self, exclusive: Sequence[Collection] = ()) -> Transaction:
        write = () if exclusive else (self.collection,)
        return await self.engine.transactions.begin(self.database, write=write, exclusive=exclusive)

    async def put(self, key: str, value: int, *, sync: bool = False) -> None:
        with await self.engine.transactions.auto(self.database, self.collection) as transaction:
            self.write(transaction, key, value)
            await transaction.commit(wait_for_sync=sync)

    def write(self, transaction: Transaction, key: str, value: int) -> None:
        document = {"_key": key, "v": value}
        documents.insert(transaction, self.collection, document, overwrite_mode="replace")

    def read(self, transaction: Transaction, key: str) -> int:
        document = documents.read(transaction, self.collection, key)
        value: int = msgspec.json.decode(document.body)["v"]
        return value

    async def get(self, key: str) -> int | None:
        with await self.engine.transactions.auto(self.database) as transaction:
            found = transaction.lookup(self.collection, key)
            return None if found is None else self.read(transaction, key)


@pytest.fixture
async def server() -> Server:
    clock, disk = ManualClock(), MemoryDisk()
    engine = await Engine.open(memory_world(disk, clock), StorageOptions())
    return Server(engine, await engine.create_collection(engine.database("_system"), "c"), clock, disk)


async def refused(number: int, work: object) -> ArangoError:
    with pytest.raises(ArangoError) as caught:
        await work  # type: ignore[misc]  # any awaitable
    assert caught.value.number == number
    return caught.value


async def test_a_transaction_reads_its_snapshot_and_its_own_writes(server: Server) -> None:
    await server.put("a", 1)
    transaction = await server.begin()
    await server.put("a", 2)
    await server.put("b", 2)
    server.write(transaction, "c", 3)
    assert server.read(transaction, "a") == 1
    assert server.read(transaction, "c") == 3
    assert documents.count(transaction, server.collection) == 2
    assert sorted(d.key for d in documents.scan(transaction, server.collection)) == ["a", "c"]
    assert await server.get("c") is None, "nobody else sees it before the commit"
    await transaction.commit()
    assert await server.get("c") == 3


async def test_own_removals_are_seen_at_once(server: Server) -> None:
    await server.put("a", 1)
    transaction = await server.begin()
    documents.remove(transaction, server.collection, "a")
    assert documents.count(transaction, server.collection) == 0
    assert await server.get("a") == 1
    await transaction.commit()
    assert await server.get("a") is None


async def test_the_second_writer_of_a_key_loses_at_once(server: Server) -> None:
    first, second = await server.begin(), await server.begin()
    server.write(first, "k", 1)
    error = await refused(1200, server.put("k", 9))
    assert error.status == 409
    with pytest.raises(ArangoError, match="write-write conflict"):
        server.write(second, "k", 2)
    server.write(second, "other", 2)
    await first.commit()
    await second.commit()
    assert (await server.get("k"), await server.get("other")) == (1, 2)


@pytest.mark.parametrize("change", ["write", "remove", "truncate"])
async def test_a_key_changed_since_the_snapshot_cannot_be_written(server: Server, change: str) -> None:
    await server.put("k", 1)
    transaction = await server.engine.transactions.begin(server.database, read=[server.collection])
    transaction.declare(server.collection)  # as one that declared it for writing, but came after the other
    if change == "write":
        await server.put("k", 2)
    elif change == "remove":
        with await server.engine.transactions.auto(server.database, server.collection) as other:
            documents.remove(other, server.collection, "k")
            await other.commit()
    else:
        await server.engine.truncate(server.collection)
    with pytest.raises(ArangoError) as caught:
        server.write(transaction, "k", 3)
    assert (caught.value.number, caught.value.status) == (1200, 409)
    transaction.abort()
    await server.put("k", 4)
    assert await server.get("k") == 4


async def test_an_abort_leaves_nothing_and_frees_the_keys(server: Server) -> None:
    before = server.engine.log.last_tick
    transaction = await server.begin()
    server.write(transaction, "k", 1)
    transaction.abort()
    transaction.abort()
    assert server.engine.log.last_tick == before
    await server.put("k", 2)
    assert await server.get("k") == 2


async def test_an_exception_in_the_block_aborts(server: Server) -> None:
    transaction = await server.engine.transactions.auto(server.database, server.collection)

    def fail() -> None:
        with transaction:
            server.write(transaction, "k", 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert transaction.status == "aborted"
    assert await server.get("k") is None


async def test_a_commit_is_one_unit_in_the_log(server: Server) -> None:
    transaction = await server.begin()
    for key in "abc":
        server.write(transaction, key, 1)
    tick = await transaction.commit()
    await server.put("single", 1)
    await server.engine.log.sync()
    records = server.engine.log.read(tick - 5, tick + 1, 10**6).records
    assert [(r.type, r.key) for r in records] == [
        (BEGIN, ""),
        (PUT, "a"),
        (PUT, "b"),
        (PUT, "c"),
        (COMMIT, ""),
        (PUT, "single"),
    ]
    assert {r.transaction for r in records[:-1]} == {transaction.id}
    assert records[-1].transaction == 0


async def test_a_write_that_waits_for_the_sync_is_invisible_and_locked_until_then(server: Server) -> None:
    task = asyncio.create_task(server.put("k", 1, sync=True))
    await asyncio.sleep(0)
    assert await server.get("k") is None
    await refused(1200, server.put("k", 2))
    await task
    assert await server.get("k") == 1
    assert server.engine.log.durable_tick == server.engine.log.last_tick
    await server.put("k", 3)


async def test_a_write_whose_fsync_failed_never_becomes_visible(server: Server) -> None:
    server.disk.sync_error = OSError(5, "Input/output error")
    await refused(2, server.put("k", 1, sync=True))
    assert await server.get("k") is None
    await refused(2, server.put("other", 1))


async def test_a_transaction_that_begins_waits_for_commits_under_way(server: Server) -> None:
    task = asyncio.create_task(server.put("k", 1, sync=True))
    await asyncio.sleep(0)
    transaction = await server.begin()
    assert server.read(transaction, "k") == 1
    await task


async def test_a_collections_own_wait_for_sync_holds_for_every_commit(server: Server) -> None:
    await server.engine.change_collection(server.collection, wait_for_sync=True)
    await server.put("k", 1)
    assert server.engine.log.durable_tick == server.engine.log.last_tick


async def test_an_exclusive_transaction_keeps_writers_out_but_not_readers(server: Server) -> None:
    await server.put("k", 1)
    alone = await server.begin(exclusive=[server.collection])
    waiting = asyncio.create_task(server.put("k", 2))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await server.get("k") == 1
    server.write(alone, "k", 3)
    await alone.commit()
    await waiting
    assert await server.get("k") == 2


async def test_an_exclusive_request_waits_for_writers_and_sees_what_they_wrote(server: Server) -> None:
    writer = await server.begin()
    server.write(writer, "k", 1)
    waiting = asyncio.create_task(server.begin(exclusive=[server.collection]))
    late = asyncio.create_task(server.put("late", 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not late.done(), "who comes later does not overtake"
    await writer.commit()
    alone = await waiting
    assert server.read(alone, "k") == 1
    server.write(alone, "k", 2)
    await alone.commit()
    await late


async def test_a_lock_that_is_not_free_in_time_is_error_18(server: Server) -> None:
    writer = await server.begin()
    begin = server.engine.transactions.begin(
        server.database, exclusive=[server.collection], lock_timeout_s=2.0
    )
    task = asyncio.create_task(begin)
    await asyncio.sleep(0)
    await server.clock.advance(2.5)
    await refused(18, task)
    await server.put("k", 1)
    writer.abort()


async def test_a_cancelled_waiter_leaves_the_lock_to_others(server: Server) -> None:
    writer = await server.begin()
    waiting = asyncio.create_task(server.begin(exclusive=[server.collection]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    writer.abort()
    alone = await server.begin(exclusive=[server.collection])
    alone.abort()


async def test_undeclared_collections_are_refused(server: Server) -> None:
    other = await server.engine.create_collection(server.database, "other")
    transaction = await server.engine.transactions.begin(
        server.database, write=[server.collection], allow_implicit=False
    )
    with pytest.raises(ArangoError) as caught:
        documents.insert(transaction, other, {})
    assert caught.value.number == 1652
    with pytest.raises(ArangoError) as caught:
        documents.read(transaction, other, "k")
    assert caught.value.number == 1652
    lazy = await server.engine.transactions.begin(server.database)
    assert documents.count(lazy, other) == 0


async def test_a_too_large_transaction_is_refused_and_keeps_what_it_has(server: Server) -> None:
    transaction = await server.engine.transactions.begin(
        server.database, write=[server.collection], max_bytes=500
    )
    server.write(transaction, "a", 1)
    with pytest.raises(ArangoError) as caught:
        documents.insert(transaction, server.collection, {"_key": "b", "v": "x" * 1000})
    assert (caught.value.number, caught.value.status) == (32, 400)
    await transaction.commit()
    assert (await server.get("a"), await server.get("b")) == (1, None)


async def test_ends_are_remembered_and_idempotent(server: Server) -> None:
    manager, database = server.engine.transactions, server.database
    done, stopped = await server.begin(), await server.begin()
    assert manager.running(database) == [done, stopped]
    assert await manager.commit(database, done.id) == "committed"
    assert await manager.commit(database, done.id) == "committed"
    assert await manager.abort(database, stopped.id) == "aborted"
    assert await manager.abort(database, stopped.id) == "aborted"
    await refused(1653, manager.abort(database, done.id))
    await refused(1653, manager.commit(database, stopped.id))
    assert manager.status(database, done.id) == "committed"
    assert manager.running(database) == []
    await refused(1655, manager.commit(database, 4711))
    other = await server.engine.create_database("other")
    await refused(1655, manager.commit(other, done.id))


async def test_an_idle_transaction_expires_and_says_so_once(server: Server) -> None:
    manager, database = server.engine.transactions, server.database
    idle, busy = await server.begin(), await server.begin()
    server.write(idle, "k", 1)
    for _ in range(4):
        await server.clock.advance(20)
        async with manager.use(database, busy.id):
            pass
    assert manager.status(database, idle.id) == "aborted"
    assert manager.status(database, busy.id) == "running"
    await refused(1654, manager.commit(database, idle.id))
    await refused(1653, manager.commit(database, idle.id))
    await server.put("k", 2)


async def test_two_requests_on_one_transaction_take_turns(server: Server) -> None:
    manager, database = server.engine.transactions, server.database
    transaction = await server.begin()
    order: list[str] = []

    async def second() -> None:
        async with manager.use(database, transaction.id):
            order.append("second")

    async with manager.use(database, transaction.id):
        task = asyncio.create_task(second())
        await asyncio.sleep(0)
        order.append("first")
    await task
    assert order == ["first", "second"]


async def test_a_transaction_busy_for_too_long_is_error_28(server: Server) -> None:
    manager, database = server.engine.transactions, server.database
    transaction = await server.begin()
    async with manager.use(database, transaction.id):
        task = asyncio.create_task(manager.commit(database, transaction.id))
        await asyncio.sleep(0)
        await server.clock.advance(8.1)
        await refused(28, task)
    assert await manager.commit(database, transaction.id) == "committed"


async def test_a_commit_into_a_dropped_collection_is_refused(server: Server) -> None:
    transaction = await server.begin()
    server.write(transaction, "k", 1)
    await server.engine.drop_collection(server.collection)
    await refused(1203, transaction.commit())
    assert transaction.status == "aborted"


async def test_dropping_a_database_aborts_its_transactions(server: Server) -> None:
    other = await server.engine.create_database("other")
    collection = await server.engine.create_collection(other, "c")
    transaction = await server.engine.transactions.begin(other, write=[collection])
    await server.engine.drop_database("other")
    assert transaction.status == "aborted"


async def test_a_full_disk_aborts_the_transaction(server: Server) -> None:
    transaction = await server.begin()
    server.write(transaction, "k", 1)
    server.disk.space = 10
    await refused(1225, transaction.commit())
    assert transaction.status == "aborted"
    server.disk.space = None
    await server.put("k", 2)


async def test_snapshots_of_ended_transactions_keep_no_old_versions(server: Server) -> None:
    for number in range(5):
        transaction = await server.begin()
        await server.put("k", number)
        transaction.abort()
    newest = server.collection.table.newest("k")
    assert newest is not None
    assert newest.older is None
