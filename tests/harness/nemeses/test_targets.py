"""Which nodes a fault strikes."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from harness.nemeses._targets import choose_targets


@given(st.integers(1, 9), st.integers(0, 10_000))
def test_somebody_is_always_struck_and_everybody_exists(count: int, seed: int) -> None:
    nodes = [f"n{number}" for number in range(1, count + 1)]
    chosen = choose_targets(Random(seed), nodes, "n1")
    assert chosen
    assert list(chosen) == [node for node in nodes if node in chosen]


def test_all_shapes_occur() -> None:
    random = Random(3)
    chosen = {choose_targets(random, ["n1", "n2", "n3"], "n1") for _ in range(200)}
    assert {("n1",), ("n2",), ("n3",), ("n1", "n2"), ("n1", "n2", "n3")} <= chosen


def test_nobody_is_struck_where_nobody_is() -> None:
    assert choose_targets(Random(1), [], "n1") == ()
