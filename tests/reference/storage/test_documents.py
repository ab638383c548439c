"""Document operations answer as ArangoDB's do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.errors import ArangoError
from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.documents import Written
from reference.storage.engine import Engine
from reference.storage.keys import is_legal
from reference.storage.revision import encode_revision
from reference.storage.transaction import Transaction
from tests.reference.storage.memory_disk import memory_world


class Bench:
    """One running transaction on one collection."""

    def __init__(self, engine: Engine, transaction: Transaction, collection: Collection) -> None:
        self.engine = engine
        self.transaction = transaction
        self.collection = collection

    def insert(self, document: Any, **options: Any) -> Written:
        return documents.insert(self.transaction, self.collection, document, **options)

    def update(self, key: str, document: Any, **options: Any) -> Written:
        return documents.update(self.transaction, self.collection, key, document, **options)

    def replace(self, key: str, document: Any, **options: Any) -> Written:
        return documents.replace(self.transaction, self.collection, key, document, **options)

    def remove(self, key: str, **options: Any) -> Written:
        return documents.remove(self.transaction, self.collection, key, **options)

    def body(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(
            documents.read(self.transaction, self.collection, key).body
        )
        return found


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    engine = await Engine.open(memory_world())
    database = engine.database("_system")
    collection = await engine.create_collection(database, "c")
    with await engine.transactions.auto(database, collection) as transaction:
        yield Bench(engine, transaction, collection)


def error(number: int, work: Callable[[], object]) -> ArangoError:
    with pytest.raises(ArangoError) as caught:
        work()
    assert caught.value.number == number
    return caught.value


def data(written: Written) -> dict[str, Any]:
    found = msgspec.json.decode(written.new or b"{}")
    return {name: value for name, value in found.items() if not name.startswith("_")}


def test_an_insert_stores_the_system_attributes_first_and_ignores_those_given(bench: Bench) -> None:
    done = bench.insert({"v": 1, "_key": "k", "_rev": "x", "_id": "other/k", "w": [None, {"a": 1.5}]})
    rev = encode_revision(done.revision)
    assert done.new == b'{"_key":"k","_id":"c/k","_rev":"%s","v":1,"w":[null,{"a":1.5}]}' % rev.encode()
    assert (done.key, done.old, done.old_revision) == ("k", None, None)


def test_generated_keys_are_decimal_and_grow(bench: Bench) -> None:
    keys = [int(bench.insert({}).key) for _ in range(5)]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("key", ["", "a/b", "ä", "a b", 7, None, "x" * 255, True])
def test_an_illegal_key_is_refused(bench: Bench, key: object) -> None:
    assert error(1221, lambda: bench.insert({"_key": key})).status == 400


@given(st.text("abzAZ09_-:.@()+,=;$!*'%", min_size=1, max_size=254))
def test_every_allowed_character_makes_a_legal_key(key: str) -> None:
    assert is_legal(key)


async def test_user_keys_can_be_forbidden() -> None:
    engine = await Engine.open(memory_world())
    database = engine.database("_system")
    collection = await engine.create_collection(database, "c", key_options={"allowUserKeys": False})
    with await engine.transactions.auto(database, collection) as transaction:
        error(1222, lambda: documents.insert(transaction, collection, {"_key": "k"}))
        documents.insert(transaction, collection, {})


@pytest.mark.parametrize(
    "options", [{"type": "magic"}, {"allowUserKeys": 1}, {"type": "autoincrement", "increment": 0}]
)
async def test_wrong_key_options_are_refused(options: dict[str, Any]) -> None:
    engine = await Engine.open(memory_world())
    with pytest.raises(ArangoError) as caught:
        await engine.create_collection(engine.database("_system"), "c", key_options=options)
    assert caught.value.number == 1232


@pytest.mark.parametrize(("kind", "length"), [("padded", 16), ("uuid", 36)])
async def test_other_key_generators(kind: str, length: int) -> None:
    engine = await Engine.open(memory_world())
    database = engine.database("_system")
    collection = await engine.create_collection(database, "c", key_options={"type": kind})
    with await engine.transactions.auto(database, collection) as transaction:
        keys = [documents.insert(transaction, collection, {}).key for _ in range(3)]
    assert [len(key) for key in keys] == [length] * 3
    assert len(set(keys)) == 3


def test_an_existing_key_is_refused_in_arangodbs_words(bench: Bench) -> None:
    bench.insert({"_key": "k"})
    refusal = error(1210, lambda: bench.insert({"_key": "k"}))
    assert refusal.status == 409
    assert refusal.message == (
        "unique constraint violated - in index primary of type primary over '_key'; conflicting key: k"
    )


def test_overwrite_modes(bench: Bench) -> None:
    first = bench.insert({"_key": "k", "a": 1, "b": {"x": 1}})
    ignored = bench.insert({"_key": "k", "a": 2}, overwrite_mode="ignore")
    assert (ignored.ignored, ignored.revision, ignored.old) == (True, first.revision, first.new)
    updated = bench.insert({"_key": "k", "b": {"y": 2}}, overwrite_mode="update")
    assert data(updated) == {"a": 1, "b": {"x": 1, "y": 2}}
    assert (updated.old, updated.old_revision) == (first.new, first.revision)
    replaced = bench.insert({"_key": "k", "c": 3}, overwrite_mode="replace")
    assert data(replaced) == {"c": 3}
    assert replaced.revision > updated.revision > first.revision


@pytest.mark.parametrize("document", [None, [], "x", 1])
def test_only_objects_are_documents(bench: Bench, document: object) -> None:
    bench.insert({"_key": "k"})
    for work in (
        lambda: bench.insert(document),
        lambda: bench.replace("k", document),
        lambda: bench.update("k", document),
    ):
        assert error(1227, work).status == 400


def test_a_missing_document_is_1202(bench: Bench) -> None:
    for work in (
        lambda: bench.body("k"),
        lambda: bench.replace("k", {}),
        lambda: bench.update("k", {}),
        lambda: bench.remove("k"),
    ):
        refusal = error(1202, work)
        assert (refusal.status, refusal.message) == (404, "document not found")


@pytest.mark.parametrize("wrong", ["", "nonsense/", "_abc"])
def test_another_revision_is_412_with_the_current_one(bench: Bench, wrong: str) -> None:
    done = bench.insert({"_key": "k", "v": 1})
    rev = encode_revision(done.revision)
    for work in (
        lambda: documents.read(bench.transaction, bench.collection, "k", if_match=wrong),
        lambda: bench.replace("k", {}, if_match=wrong),
        lambda: bench.update("k", {}, if_match=wrong),
        lambda: bench.remove("k", if_match=wrong),
    ):
        refusal = error(1200, work)
        assert (refusal.status, refusal.message) == (412, "conflict, _rev values do not match")
        assert refusal.extra == {"_id": "c/k", "_key": "k", "_rev": rev}
    assert bench.body("k")["v"] == 1
    documents.read(bench.transaction, bench.collection, "k", if_match=rev)
    bench.replace("k", {"v": 2}, if_match=rev)


def test_update_merges_and_removes_nulls_on_demand(bench: Bench) -> None:
    start = {"a": 1, "n": {"x": 1, "y": {"z": 1}}, "l": [1, 2]}
    cases: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        ({"a": 2}, {}, {**start, "a": 2}),
        ({"a": None}, {}, {**start, "a": None}),
        ({"a": None}, {"keep_null": False}, {"n": start["n"], "l": [1, 2]}),
        ({"n": {"y": {"q": 2}}}, {}, {**start, "n": {"x": 1, "y": {"z": 1, "q": 2}}}),
        ({"n": {"y": 2}}, {"merge_objects": False}, {**start, "n": {"y": 2}}),
        ({"n": {"x": None}}, {"keep_null": False}, {**start, "n": {"y": {"z": 1}}}),
        ({"new": {"p": None, "q": 1}}, {"keep_null": False}, {**start, "new": {"q": 1}}),
        ({"l": [3]}, {}, {**start, "l": [3]}),
        ({"n": 5}, {}, {**start, "n": 5}),
    ]
    for patch, options, expected in cases:
        bench.insert({"_key": "k", **start}, overwrite_mode="replace")
        assert data(bench.update("k", patch, **options)) == expected, (patch, options)


def test_a_removal_says_what_was_removed(bench: Bench) -> None:
    done = bench.insert({"_key": "k", "v": 1})
    gone = bench.remove("k")
    assert (gone.revision, gone.old, gone.new) == (done.revision, done.new, None)
    assert documents.count(bench.transaction, bench.collection) == 0


async def test_edges_need_both_ends() -> None:
    engine = await Engine.open(memory_world())
    database = engine.database("_system")
    edges = await engine.create_collection(database, "e", kind=3)
    with await engine.transactions.auto(database, edges) as transaction:
        for wrong in ({}, {"_from": "a/1"}, {"_from": "a/1", "_to": "b"}, {"_from": 1, "_to": "b/1"}):
            assert error(1233, lambda wrong=wrong: documents.insert(transaction, edges, wrong)).status == 400  # type: ignore[misc]  # bound now
        key = documents.insert(transaction, edges, {"_from": "a/1", "_to": "b/1"}).key
        error(1233, lambda: documents.replace(transaction, edges, key, {"_from": "a/1"}))
        kept = documents.update(transaction, edges, key, {"w": 1})
        assert msgspec.json.decode(kept.new or b"")["_to"] == "b/1"


def test_replication_stores_with_the_leaders_revision_whatever_is_there(bench: Bench) -> None:
    bench.insert({"_key": "k", "v": 1})
    rev = encode_revision(1 << 60)
    done = documents.apply_put(
        bench.transaction, bench.collection, {"_key": "k", "_id": "theirs/k", "_rev": rev, "v": 2}
    )
    assert bench.body("k") == {"_key": "k", "_id": "c/k", "_rev": rev, "v": 2}
    assert done.revision == 1 << 60
    assert documents.apply_remove(bench.transaction, bench.collection, "k", 5)
    assert not documents.apply_remove(bench.transaction, bench.collection, "k", 5)
    error(1239, lambda: documents.apply_put(bench.transaction, bench.collection, {"_key": "k"}))
    error(1221, lambda: documents.apply_put(bench.transaction, bench.collection, {"_rev": rev}))


async def test_bodies_keep_every_json_value() -> None:
    engine = await Engine.open(memory_world())
    database = engine.database("_system")
    collection = await engine.create_collection(database, "c")
    value = {"int": 2**63, "neg": -(2**62), "float": 0.1, "text": 'ä"\\\n\u2028', "deep": [[[{"": {}}]]]}
    with await engine.transactions.auto(database, collection) as transaction:
        done = documents.insert(transaction, collection, value)
    assert data(done) == value
