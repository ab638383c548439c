from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.agency.store import CLIENT_IDS, Store, encode_entry
from reference.agency.transaction import parse_write
from reference.agency.tree import ABSENT, Tree, equal, path_of
from reference.errors import ArangoError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


def store(root: dict[str, Any] | None = None) -> Store:
    made = Store()
    made.tree = Tree(root)
    return made


def write(
    into: Store, operations: Any, preconditions: Any = None, client_id: str = "", now_ms: int = 0
) -> int:
    return into.apply([parse_write([operations, preconditions or {}, client_id])], now_ms)[0]


@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        (1, 2, 2),
        (1, {"new": 2}, 2),
        (1, {"op": "set", "new": {"b": 1}}, {"b": 1}),
        ({"b": 1}, {"c": 2}, {"c": 2}),
        ({"b": 1}, {"op": "delete"}, ABSENT),
        (ABSENT, {"op": "delete"}, ABSENT),
        (4, {"op": "increment"}, 5),
        (4, {"op": "increment", "step": 3}, 7),
        (ABSENT, {"op": "increment"}, 1),
        ("text", {"op": "increment"}, 1),
        (True, {"op": "increment"}, 1),
        (4, {"op": "decrement", "step": 3}, 1),
        (ABSENT, {"op": "decrement"}, -1),
        ([1], {"op": "push", "new": 2}, [1, 2]),
        ("no array", {"op": "push", "new": 2}, [2]),
        ([1], {"op": "prepend", "new": 2}, [2, 1]),
        ([1, 2], {"op": "pop"}, [1]),
        ([], {"op": "pop"}, []),
        ([1, 2], {"op": "shift"}, [2]),
        ([1, 2, 1, True], {"op": "erase", "val": 1}, [2, True]),
        ([1, 2, 3], {"op": "erase", "pos": 1}, [1, 3]),
        ([1, 2], {"op": "erase", "pos": 7}, [1, 2]),
        ([1, 2, 1], {"op": "replace", "val": 1, "new": 9}, [9, 2, 9]),
    ],
)
def test_an_operation_changes_what_is_there(before: Any, operation: Any, after: Any) -> None:
    made = store({} if before is ABSENT else {"a": before})
    assert write(made, {"/a": operation}) == 1
    found = made.tree.get(("a",))
    assert found is after if after is ABSENT else equal(found, after)


@pytest.mark.parametrize(
    ("value", "condition", "holds"),
    [
        (1, 1, True),
        (1, 2, False),
        (ABSENT, None, False),
        (None, None, True),
        (1, True, False),
        (1, {"old": 1.0}, True),
        ({"b": [1, {}]}, {"old": {"b": [1, {}]}}, True),
        ({"b": [1, {}]}, {"old": {"b": [1]}}, False),
        (ABSENT, {"oldNot": 1}, True),
        (1, {"oldNot": 1}, False),
        (2, {"oldNot": 1}, True),
        (ABSENT, {"oldEmpty": True}, True),
        (ABSENT, {"oldEmpty": False}, False),
        (0, {"oldEmpty": True}, False),
        (0, {"oldEmpty": False}, True),
        ([], {"isArray": True}, True),
        ({}, {"isArray": True}, False),
        (ABSENT, {"isArray": False}, True),
        ([1, 2], {"in": 2}, True),
        ([1, 2], {"in": 3}, False),
        (2, {"in": 2}, False),
        (ABSENT, {"in": 2}, False),
        ([1, 2], {"notin": 2}, False),
        ([1, 2], {"notin": 3}, True),
        (2, {"notin": 3}, False),
        (ABSENT, {"notin": 3}, True),
        ([1, 2], {"intersectionEmpty": [3, 4]}, True),
        ([1, 2], {"intersectionEmpty": [3, 2]}, False),
        (ABSENT, {"intersectionEmpty": [3]}, True),
        ([1, 2], {"in": 1, "notin": 3}, True),
        ([1, 2], {"in": 1, "notin": 2}, False),
    ],
)
def test_a_write_happens_if_and_only_if_its_precondition_holds(
    value: Any, condition: Any, holds: bool
) -> None:
    made = store({} if value is ABSENT else {"a": value})
    assert write(made, {"/done": True}, {"/a": condition}) == int(holds)
    assert (made.tree.get(("done",)) is True) is holds


def test_one_failed_precondition_of_several_stops_all_operations() -> None:
    made = store({"a": 1, "b": 1})
    assert write(made, {"/x": 1, "/y": 1}, {"/a": 1, "/b": 2}) == 0
    assert made.tree.root == {"a": 1, "b": 1}


def test_writing_below_a_leaf_makes_it_an_object() -> None:
    made = store({"a": 1})
    write(made, {"/a/b/c": 2})
    assert made.tree.root == {"a": {"b": {"c": 2}}}


def test_a_read_shows_just_its_paths_and_of_a_missing_one_the_part_that_exists() -> None:
    tree = Tree({"a": {"b": {"c": 1}, "d": 2}, "e": 3})
    assert tree.read([path_of("/a/b")]) == {"a": {"b": {"c": 1}}}
    assert tree.read([path_of("/a/x/y")]) == {"a": {}}
    assert tree.read([path_of("/x")]) == {}
    assert tree.read([path_of("/a/d"), path_of("//e/")]) == {"a": {"d": 2}, "e": 3}
    assert tree.read([path_of("/a/b/c"), path_of("/a")]) == {"a": {"b": {"c": 1}, "d": 2}}


def test_a_read_leaves_the_tree_as_it_is() -> None:
    tree = Tree({"a": {"b": 1}, "e": {}})
    tree.read([path_of("/a"), path_of("/a/b/c"), path_of("/e/f")])
    assert tree.root == {"a": {"b": 1}, "e": {}}


def test_hidden_keys_show_only_by_their_name() -> None:
    tree = Tree({".agency": {"x": 1}, "a": 1})
    assert tree.read([()]) == {"a": 1}
    assert tree.read([path_of("/.agency")]) == {".agency": {"x": 1}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        [[]],
        [{"/a": {"op": "burn"}}],
        [{"/a": {"op": "push"}}],
        [{"/a": {"op": "erase"}}],
        [{"/a": {"op": "erase", "val": 1, "pos": 1}}],
        [{"/a": {"op": "increment", "step": "1"}}],
        [{"/a": {"op": "set", "new": 1, "ttl": -1}}],
        [{"/a": {"op": "set", "new": 1, "ttl": "soon"}}],
        [{"/a": {"op": "observe"}}],
        [{"/a": {"op": "observe", "url": 1}}],
        [{"/a": {"op": "observe", "url": "http://[h/x"}}],
        [{"/a": {"op": "observe", "url": "http://h:1/a b"}}],
        [{"/a" * 101: 1}],
        [{"/a": {"op": "increment", "step": 2**60}}],
        [{"/a": {"op": {}, "new": 1}}],
        [{"/a": 1}, {"/b": {"never": 1}}],
        [{"/a": 1}, {"/b": {"oldEmpty": 1}}],
        [{"/a": 1}, {"/b": {"intersectionEmpty": 1}}],
        [{"/a": 1}, {}, 7],
        [{"/a": 1}, {}, "id", "more"],
    ],
)
def test_a_write_that_makes_no_sense_is_refused(body: Any) -> None:
    with pytest.raises(ArangoError) as refusal:
        parse_write(body)
    assert refusal.value.status == 400


def test_a_counter_stops_at_the_largest_number_that_every_reader_keeps() -> None:
    made = store({"a": 2**53 - 1})
    write(made, {"/a": {"op": "increment", "step": 5}})
    assert made.tree.root == {"a": 2**53}


def test_a_key_ends_when_its_time_to_live_has_passed() -> None:
    made = store()
    write(made, {"/a": {"op": "set", "new": 1, "ttl": 2}}, now_ms=1000)
    made.apply([], 2999)
    assert made.tree.root == {"a": 1}
    made.apply([], 3000)
    assert made.tree.root == {}
    assert made.next_end_ms() is None


def test_time_that_goes_back_brings_nothing_forward_or_back() -> None:
    made = store()
    write(made, {"/a": {"op": "set", "new": 1, "ttl": 2}}, now_ms=5000)
    write(made, {"/b": {"op": "set", "new": 1, "ttl": 1}}, now_ms=10)
    assert made.next_end_ms() == 6000


@pytest.mark.parametrize("over", [{"/a/b": 2}, {"/a": {}}, {"/a/b": {"op": "delete"}}])
def test_who_writes_over_a_key_ends_its_time_to_live(over: Any) -> None:
    made = store()
    write(made, {"/a/b": {"op": "set", "new": 1, "ttl": 1}})
    write(made, over)
    assert made.next_end_ms() is None


def test_a_precondition_sees_the_tree_without_what_has_ended() -> None:
    made = store()
    write(made, {"/lock": {"op": "set", "new": "me", "ttl": 1}})
    assert write(made, {"/lock": "you"}, {"/lock": {"oldEmpty": True}}, now_ms=999) == 0
    assert write(made, {"/lock": "you"}, {"/lock": {"oldEmpty": True}}, now_ms=1000) == 2


def test_inquire_finds_what_happened_and_nothing_else() -> None:
    made = store()
    write(made, {"/a": 1}, client_id="one")
    write(made, {"/a": 2}, {"/a": 7}, client_id="refused")
    write(made, {"/a": 2}, client_id="twice")
    write(made, {"/a": 3}, client_id="twice")
    assert [made.inquire(name) for name in ("one", "refused", "twice")] == [1, 0, [2, 3]]


def test_only_so_many_client_ids_are_remembered() -> None:
    made = store()
    for number in range(CLIENT_IDS + 1):
        write(made, {}, client_id=str(number))
    assert made.inquire("0") == 0
    assert made.inquire(str(CLIENT_IDS)) == CLIENT_IDS + 1


OPERATIONS = st.dictionaries(
    st.sampled_from(["/a", "/a/b", "/a/b/c", "/d", "/"]),
    JSON
    | st.builds(lambda new, ttl: {"op": "set", "new": new, "ttl": ttl}, JSON, st.integers(0, 3))
    | st.sampled_from([{"op": "delete"}, {"op": "increment"}, {"op": "push", "new": 1}, {"op": "pop"}])
    | st.sampled_from([{"op": "observe", "url": "http://h:1/x"}, {"op": "unobserve", "url": "http://h:1/x"}]),
    max_size=3,
)


def _is_understood(operations: Any) -> bool:
    try:
        parse_write([operations])
    except ArangoError:
        return False
    return True


@given(
    st.lists(st.tuples(OPERATIONS.filter(_is_understood), st.integers(0, 2000)), max_size=12),
    st.integers(0, 12),
)
def test_a_store_restored_in_the_middle_ends_like_one_that_went_on(
    entries: list[tuple[Any, int]], cut: int
) -> None:
    steady, restored = Store(), Store()
    now_ms = 0
    for number, (operations, passed_ms) in enumerate(entries):
        if number == cut:
            fresh = Store()
            fresh.load(restored.save())
            restored = fresh
        now_ms += passed_ms
        entry = encode_entry([[operations, {}, f"client{number % 3}"]], now_ms)
        assert steady.apply_entry(entry) == restored.apply_entry(entry)
    assert steady.save() == restored.save()


@given(JSON, JSON)
def test_equality_is_that_of_the_json_text_up_to_the_order_of_members(one: Any, other: Any) -> None:
    ordered = msgspec.json.Encoder(order="deterministic")
    assert equal(one, other) is (ordered.encode(one) == ordered.encode(other))
