"""The engine against a dictionary: whatever happens, it holds what the dictionary holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reference.errors import ArangoError
from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.settings import StorageOptions
from reference.storage.snapshot import Snapshot
from tests.reference.storage.engines import contents, open_engine, put
from tests.reference.storage.memory_disk import ManualClock, MemoryDisk

T = TypeVar("T")
KEYS = st.sampled_from("abcdef")


class EngineLife(RuleBasedStateMachine):
    """Writes, transactions, definitions, snapshots, checkpoints, kills and power losses in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.disk = MemoryDisk()
        self.clock = ManualClock()
        self.model: dict[str, dict[str, int]] = {}
        self.durable: dict[str, dict[str, int]] | None = None
        self.snapshots: list[tuple[Snapshot, dict[str, dict[str, int]]]] = []
        self.number = 0
        self.open()

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return self.loop.run_until_complete(work())

    def open(self) -> None:
        options = StorageOptions(segment_bytes=1500, wal_file_timeout_s=0, wal_file_timeout_initial_s=0)
        self.engine = self.run(lambda: open_engine(self.disk, self.clock, options))
        self.database = self.engine.database("_system")

    def teardown(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def collection(self, index: int) -> Collection:
        names = sorted(self.model)
        return self.database.collection(names[index % len(names)])

    @rule()
    def create_collection(self) -> None:
        if len(self.model) < 4:
            self.number += 1
            name = f"c{self.number}"
            self.run(lambda: self.engine.create_collection(self.database, name))
            self.model[name] = {}

    @precondition(lambda self: self.model)
    @rule(index=st.integers(0, 9), key=KEYS, sync=st.booleans())
    def write(self, index: int, key: str, sync: bool) -> None:
        self.number += 1
        collection = self.collection(index)
        self.run(lambda: put(self.engine, collection, key, self.number, sync=sync))
        self.model[collection.name][key] = self.number

    @precondition(lambda self: self.model)
    @rule(index=st.integers(0, 9), key=KEYS)
    def remove(self, index: int, key: str) -> None:
        collection = self.collection(index)

        async def work() -> None:
            with await self.engine.transactions.auto(self.database, collection) as transaction:
                documents.remove(transaction, collection, key)
                await transaction.commit()

        if key in self.model[collection.name]:
            self.run(work)
            del self.model[collection.name][key]
        else:
            with pytest.raises(ArangoError, match="not found"):
                self.run(work)

    @precondition(lambda self: self.model)
    @rule(index=st.integers(0, 9), keys=st.lists(KEYS, min_size=1, max_size=4), commit=st.booleans())
    def transact(self, index: int, keys: list[str], commit: bool) -> None:
        collection = self.collection(index)

        async def work() -> None:
            transaction = await self.engine.transactions.begin(self.database, write=[collection])
            for key in keys:
                self.number += 1
                document = {"_key": key, "value": self.number}
                documents.insert(transaction, collection, document, overwrite_mode="replace")
                if commit:
                    self.model[collection.name][key] = self.number
            if commit:
                await transaction.commit()
            else:
                transaction.abort()

        self.run(work)

    @precondition(lambda self: self.model)
    @rule(index=st.integers(0, 9), what=st.sampled_from(["drop", "truncate", "rename"]))
    def define(self, index: int, what: str) -> None:
        collection = self.collection(index)
        name = collection.name
        if what == "drop":
            self.run(lambda: self.engine.drop_collection(collection))
            del self.model[name]
        elif what == "truncate":
            self.run(lambda: self.engine.truncate(collection))
            self.model[name] = {}
        else:
            self.number += 1
            self.run(lambda: self.engine.rename_collection(collection, f"r{self.number}"))
            self.model[f"r{self.number}"] = self.model.pop(name)

    @rule()
    def take_snapshot(self) -> None:
        if len(self.snapshots) < 3:
            then = {name: dict(values) for name, values in self.model.items()}
            self.snapshots.append((self.run(self.engine.snapshot), then))

    @precondition(lambda self: self.snapshots)
    @rule(index=st.integers(0, 9))
    def release_snapshot(self, index: int) -> None:
        self.snapshots.pop(index % len(self.snapshots))[0].release()

    @rule()
    def write_checkpoint_and_prune(self) -> None:
        self.run(self.engine.flush)
        self.run(lambda: self.clock.advance(1.1))

    @rule()
    def kill_and_restart(self) -> None:
        self.snapshots.clear()
        self.disk = self.disk.killed()
        self.open()

    @rule(seed=st.integers(0, 2**32))
    def lose_power_after_a_sync(self, seed: int) -> None:
        self.run(self.engine.log.sync)
        self.snapshots.clear()
        self.disk = self.disk.power_loss(Random(seed))
        self.open()

    @invariant()
    def the_engine_holds_what_the_model_holds(self) -> None:
        found = {collection.name: contents(collection) for collection in self.database.collections()}
        assert found == self.model
        assert all(c.count == len(self.model[c.name]) for c in self.database.collections())

    @invariant()
    def every_snapshot_shows_its_moment(self) -> None:
        for snapshot, then in self.snapshots:
            found = {
                view.definition["name"]: {
                    document.key: msgspec.json.decode(document.body)["value"]
                    for document in snapshot.documents(view.collection)
                }
                for view in snapshot.collections(self.database.id)
            }
            assert found == then


TestEngineLife = EngineLife.TestCase
TestEngineLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 400))
def test_no_acknowledged_write_is_missing_after_a_power_loss_at_any_moment(seed: int, steps: int) -> None:
    async def life() -> None:
        disk, random = MemoryDisk(), Random(seed)
        options = StorageOptions(segment_bytes=2000, checkpoint_bytes=3000)
        engine = await open_engine(disk, options=options)
        collection = await engine.create_collection(engine.database("_system"), "c")
        acknowledged: dict[str, int] = {}

        async def writer(key: str) -> None:
            for number in range(1000):
                sync = random.random() < 0.7
                await put(engine, collection, key, number, sync=sync)
                if sync:
                    acknowledged[key] = number
                else:
                    await asyncio.sleep(0)

        async def checkpoints() -> None:
            while True:
                await engine.flush()
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(work) for work in (*map(writer, "abcde"), checkpoints())]
        for _ in range(steps):
            await asyncio.sleep(0)
        crashed, promised = disk.power_loss(random), dict(acknowledged)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        again = await open_engine(crashed, options=options)
        found = contents(again.database("_system").collection("c"))
        for key, number in promised.items():
            assert found[key] >= number

    asyncio.run(life())
