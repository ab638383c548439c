"""Entries in an order that our leader never sends, but another may: interleaved transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio

from reference.errors import ArangoError
from reference.replication.application import Application
from reference.replication.configuration import ApplierConfiguration
from reference.replication.entries import Entry
from reference.replication.memory import Memory
from reference.replication.scope import Scope
from reference.replication.state import ApplierState, SavedState
from reference.storage.engine import Engine
from reference.storage.revision import encode_revision
from reference.world import World
from tests.reference.replication.pair import FastClock, Wire
from tests.reference.storage.memory_disk import MemoryDisk

BEGIN, COMMIT, ABORT, PUT, REMOVE = 2200, 2201, 2202, 2300, 2302


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = await Engine.open(World(FastClock(), Wire(), MemoryDisk(), Random(1)))
    await engine.create_collection(engine.database("_system"), "c", guid="guid")
    yield engine
    await engine.close()


def entry(tick: int, kind: int, tid: int = 0, key: str = "", revision: str = "_g") -> Entry:
    data = {"_key": key, "_rev": revision, "tick": tick} if key else None
    return Entry(tick, kind, tid, "guid" if key else "", "c" if key else "", data)


async def application(engine: Engine) -> tuple[Application, Memory]:
    database = engine.database("_system")
    memory = Memory(engine, database)
    start = await memory.saved() or SavedState("1", 0, 0)
    scope = Scope.of(ApplierConfiguration())
    return Application(engine, database, memory, ApplierState(), start=start, scope=scope), memory


async def keys(engine: Engine) -> list[str]:
    collection = engine.database("_system").collection("c")
    snapshot = await engine.snapshot()
    found = sorted(document.key for document in snapshot.documents(collection))
    snapshot.release()
    return found


INTERLEAVED = [
    entry(1, BEGIN, 7),
    entry(2, PUT, 7, "a"),
    entry(3, PUT, 0, "alone"),
    entry(4, BEGIN, 8),
    entry(5, PUT, 8, "other"),
    entry(6, COMMIT, 8),
    entry(7, REMOVE, 0, "alone"),
    entry(8, REMOVE, 0, "other"),
    entry(9, PUT, 7, "b"),
    entry(10, COMMIT, 7),
    entry(11, BEGIN, 9),
    entry(12, PUT, 9, "never"),
    entry(13, ABORT, 9),
]


@pytest.mark.parametrize("cut", range(len(INTERLEAVED) + 1))
async def test_a_restart_at_any_entry_resumes_before_the_oldest_open_transaction(
    engine: Engine, cut: int
) -> None:
    first, memory = await application(engine)
    await first.apply(INTERLEAVED[:cut])
    before = await keys(engine)
    assert ("a" in before) == ("b" in before) == (cut >= 10)
    saved = await memory.saved() or SavedState("1", 0, 0)
    second, memory = await application(engine)
    again = [each for each in INTERLEAVED if each.tick > saved.resume_tick]
    for each in again:
        await second.apply([each])
        if saved.applied_tick >= 8:
            assert not {"alone", "other"} & set(await keys(engine)), "what was removed does not come back"
    assert await keys(engine) == ["a", "b"]


async def test_a_part_without_its_begin_is_refused(engine: Engine) -> None:
    first, _ = await application(engine)
    with pytest.raises(ArangoError) as refused:
        await first.apply([entry(5, PUT, 7, "a")])
    assert refused.value.number == 1408


async def test_all_before_the_entry_that_cannot_be_applied_are_done(engine: Engine) -> None:
    first, memory = await application(engine)
    missing = Entry(3, PUT, 0, "another guid", "not here", {"_key": "x", "_rev": "_g"})
    with pytest.raises(ArangoError) as refused:
        await first.apply([entry(1, PUT, 0, "a"), entry(2, PUT, 0, "b"), missing, entry(4, PUT, 0, "c")])
    assert refused.value.number == 1203
    assert await keys(engine) == ["a", "b"]
    assert await memory.saved() == SavedState("1", 2, 2)


async def test_an_unknown_kind_of_entry_is_refused(engine: Engine) -> None:
    first, _ = await application(engine)
    with pytest.raises(ArangoError) as refused:
        await first.apply([entry(1, PUT, 0, "a"), entry(2, 2999, 0, "b")])
    assert refused.value.number == 1406
    assert await keys(engine) == ["a"], "all before it is done"


async def test_new_revisions_are_greater_than_those_that_were_replicated(engine: Engine) -> None:
    ahead = engine.clock.next() + (1 << 40)
    first, _ = await application(engine)
    await first.apply([entry(1, PUT, 0, "a", encode_revision(ahead))])
    assert engine.clock.next() > ahead
