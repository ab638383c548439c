from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from harness.explore.ddmin import ddmin

Predicate = Callable[[tuple[int, ...]], bool]


def is_one_minimal(found: tuple[int, ...], fails: Predicate) -> bool:
    return fails(found) and not any(fails(found[:i] + found[i + 1 :]) for i in range(len(found)))


@given(st.integers(0, 60), st.sets(st.integers(0, 59), max_size=6))
def test_needed_elements_alone_remain(length: int, needed: set[int]) -> None:
    needed = {n for n in needed if n < length}
    found = ddmin(range(length), lambda part: needed <= set(part))
    assert found == tuple(sorted(needed))


@given(
    st.integers(1, 40),
    st.lists(st.sets(st.integers(0, 39), min_size=1, max_size=4), min_size=1, max_size=4),
    st.sampled_from([None, 1, 2, 99]),
)
def test_one_of_several_causes_remains_and_is_one_minimal(
    length: int, causes: list[set[int]], largest: int | None
) -> None:
    whole = tuple(range(length))
    causes = [{n % length for n in cause} for cause in causes]

    def fails(part: tuple[int, ...]) -> bool:
        return any(cause <= set(part) for cause in causes)

    found = ddmin(whole, fails, largest)
    assert is_one_minimal(found, fails)
    assert set(found) in causes


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=25))
def test_failure_that_is_not_monotonic_still_ends_one_minimal(items: list[int]) -> None:
    # More is not always worse: a longer list may pass although a part of it fails.
    whole = tuple(items)

    def fails(part: tuple[int, ...]) -> bool:
        return part == whole or sum(part) % 3 == 1

    assert is_one_minimal(ddmin(whole, fails), fails)


def test_failure_without_any_element_leaves_nothing() -> None:
    assert ddmin(range(1000), lambda part: True) == ()


def test_few_causes_among_many_take_few_tests() -> None:
    tests = 0

    def fails(part: tuple[int, ...]) -> bool:
        nonlocal tests
        tests += 1
        return {17, 503, 998} <= set(part)

    assert ddmin(range(1000), fails) == (17, 503, 998)
    assert tests < 120
