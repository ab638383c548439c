"""Shapes of partitions, as graphs."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.environment import Cut
from harness.nemeses._grudges import (
    GRUDGES,
    bridge,
    choose_grudge,
    halves,
    isolate_one,
    majority_ring,
    one_way,
)

counts = st.integers(0, 9)
seeds = st.integers(0, 10_000)


def some_nodes(count: int) -> list[str]:
    return [f"n{number}" for number in range(1, count + 1)]


def heard_by(node: str, nodes: list[str], cuts: tuple[Cut, ...]) -> frozenset[str]:
    return frozenset(source for source in nodes if (source, node) not in cuts)


@given(st.sampled_from(sorted(GRUDGES)), counts, seeds)
def test_a_grudge_names_known_nodes_once_and_never_a_node_with_itself(
    shape: str, count: int, seed: int
) -> None:
    nodes = some_nodes(count)
    cuts = GRUDGES[shape](nodes, Random(seed))
    assert len(set(cuts)) == len(cuts)
    assert all(a in nodes and b in nodes and a != b for a, b in cuts)


@given(st.sampled_from(sorted(GRUDGES)), st.integers(3, 9), seeds)
def test_every_shape_cuts_something_among_three_nodes_or_more(shape: str, count: int, seed: int) -> None:
    assert GRUDGES[shape](some_nodes(count), Random(seed))


@given(st.integers(2, 9), seeds)
def test_isolate_one_leaves_one_node_that_hears_only_itself(count: int, seed: int) -> None:
    nodes = some_nodes(count)
    cuts = isolate_one(nodes, Random(seed))
    lonely = [node for node in nodes if heard_by(node, nodes, cuts) == {node}]
    assert len(lonely) == (1 if count > 2 else 2)
    assert len(cuts) == 2 * (count - 1)


@given(st.integers(2, 9), seeds)
def test_halves_are_two_sides_of_nearly_equal_size(count: int, seed: int) -> None:
    nodes = some_nodes(count)
    cuts = halves(nodes, Random(seed))
    sides = {heard_by(node, nodes, cuts) for node in nodes}
    assert sorted(map(len, sides)) == sorted(
        {count // 2, count - count // 2} if count % 2 else [count // 2] * 2
    )
    assert frozenset.union(*sides) == set(nodes)


@given(st.integers(3, 9), seeds)
def test_in_a_ring_all_hear_a_majority_and_no_two_the_same(count: int, seed: int) -> None:
    nodes = some_nodes(count)
    cuts = majority_ring(nodes, Random(seed))
    views = [heard_by(node, nodes, cuts) for node in nodes]
    assert all(len(view) == count // 2 + 1 and node in view for node, view in zip(nodes, views, strict=True))
    assert len(set(views)) == count


@pytest.mark.parametrize("count", [4, 5, 8, 9])
def test_a_ring_whose_majority_has_equal_sides_is_symmetric(count: int) -> None:
    cuts = majority_ring(some_nodes(count), Random(7))
    assert all((b, a) in cuts for a, b in cuts)


@given(st.integers(3, 9), seeds)
def test_a_bridge_is_heard_by_all_and_hears_all(count: int, seed: int) -> None:
    nodes = some_nodes(count)
    cuts = bridge(nodes, Random(seed))
    free = [node for node in nodes if all(node not in cut for cut in cuts)]
    assert len(free) == 1
    assert all(len(heard_by(node, nodes, cuts)) < count for node in nodes if node not in free)


@given(st.integers(2, 9), seeds)
def test_one_way_never_cuts_the_way_back(count: int, seed: int) -> None:
    cuts = one_way(some_nodes(count), Random(seed))
    assert len(cuts) == count - 1
    assert all((b, a) not in cuts for a, b in cuts)


@given(st.integers(2, 9), seeds)
def test_a_chosen_partition_concerns_the_leader(count: int, seed: int) -> None:
    _, cuts = choose_grudge(Random(seed), some_nodes(count), "n1")
    assert any("n1" in cut for cut in cuts)


def test_one_node_cannot_be_partitioned() -> None:
    assert choose_grudge(Random(1), ["n1"], "n1") == ("none", ())


def test_equal_seeds_choose_equal_partitions() -> None:
    assert choose_grudge(Random(5), some_nodes(5), "n1") == choose_grudge(Random(5), some_nodes(5), "n1")
