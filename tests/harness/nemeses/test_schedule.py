"""When faults begin and end, asked without any database."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.history import NEMESIS, Op
from harness.nemeses import compose
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, Package
from workloads.generator import Generator, any_of, on_nemesis
from workloads.generator.simulate import perfect, simulate

SECOND = 1_000_000_000


def run(generator: Generator, *, latency_ns: int = 50_000_000) -> list[Op]:
    return simulate(on_nemesis(generator), perfect(latency_ns), threads=1, nemesis=True)


def of(family: str, *, seed: int = 1, interval_s: float = 5, time_limit_s: float = 120) -> Generator:
    return schedule(family, interval_s=interval_s, time_limit_s=time_limit_s, random=Random(seed))


def spans(history: Sequence[Op]) -> list[tuple[str, int, int]]:
    """(family, began, ended) of each fault: from its start's completion to its stop's invocation."""
    found: list[tuple[str, int, int]] = []
    began = 0
    for op in history:
        verb, _, family = op.f.partition("-")
        if verb == "start" and op.type == "info":
            began = op.time
        if verb == "stop" and op.type == "invoke":
            found.append((family, began, op.time))
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_starts_and_stops_alternate_and_the_last_is_a_stop_before_the_limit(seed: int) -> None:
    invoked = [op for op in run(of("kill", seed=seed)) if op.type == "invoke"]
    assert [op.f for op in invoked] == ["start-kill", "stop-kill"] * (len(invoked) // 2)
    assert len(invoked) >= 2
    assert invoked[-1].time < 120 * SECOND


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_a_fault_lasts_between_half_and_one_and_a_half_of_the_mean(seed: int) -> None:
    *whole, _ = spans(run(of("kill", seed=seed)))
    assert all(2.5 * SECOND <= ended - began <= 7.5 * SECOND for _, began, ended in whole)


def test_the_mean_length_of_a_fault_is_the_interval() -> None:
    lengths = [ended - began for _, began, ended in spans(run(of("kill", interval_s=2, time_limit_s=4000)))]
    assert sum(lengths) / len(lengths) == pytest.approx(2 * SECOND, rel=0.05)


def test_a_slow_injection_does_not_shorten_the_fault() -> None:
    slow = spans(run(of("kill"), latency_ns=9 * SECOND))
    assert all(ended - began >= 2.5 * SECOND for _, began, ended in slow[:-1])


def test_a_run_too_short_for_a_fault_has_none() -> None:
    assert run(of("kill", interval_s=10, time_limit_s=2)) == []


def test_equal_seeds_make_equal_schedules_and_others_do_not() -> None:
    assert run(of("kill", seed=4)) == run(of("kill", seed=4))
    assert run(of("kill", seed=4)) != run(of("kill", seed=5))


class Nothing:
    """A nemesis of no consequence."""

    def __init__(self, family: str) -> None:
        self.family = family

    async def inject(self, value: Any) -> dict[str, Any]:
        return {}

    async def probe(self) -> Effect:
        return Effect("nothing", 0)

    async def heal(self) -> None:
        return None


FAMILIES = ("kill", "pause", "partition")


def packages(seed: int, time_limit_s: float = 120) -> list[Package]:
    return [
        Package(Nothing(family), of(family, seed=seed + place, time_limit_s=time_limit_s), (family,))
        for place, family in enumerate(FAMILIES)
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 500))
def test_composed_families_take_turns_and_each_is_seen_in_each_round(seed: int) -> None:
    seen = [family for family, _, _ in spans(run(compose(packages(seed), Random(seed)).generator))]
    assert set(seen[:3]) == set(seen[3:6]) == set(FAMILIES)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 500), st.booleans())
def test_no_two_families_are_in_force_at_once_however_they_are_joined(seed: int, composed: bool) -> None:
    each = packages(seed)
    generator = compose(each, Random(seed)).generator if composed else any_of(*(p.generator for p in each))
    invoked = [op.f.partition("-") for op in run(generator) if op.type == "invoke"]
    assert len(invoked) >= 4
    for start, stop in zip(invoked[::2], invoked[1::2], strict=True):
        assert (start[0], stop[0], start[2]) == ("start", "stop", stop[2])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200))
def test_faults_of_different_families_have_calm_between_them(seed: int) -> None:
    found = spans(run(compose(packages(seed), Random(seed)).generator))
    assert all(later[1] - earlier[2] >= 2.5 * SECOND for earlier, later in pairwise(found))


def test_a_composition_knows_who_serves_which_family() -> None:
    each = packages(1)
    assert dict(compose(each, Random(1)).nemeses) == {p.nemesis.family: p.nemesis for p in each}


def test_one_package_alone_keeps_its_own_schedule() -> None:
    (only, *_) = packages(1)
    assert compose([only], Random(1)).generator is only.generator


def test_the_nemesis_thread_alone_is_asked() -> None:
    assert {op.process for op in run(of("kill"))} == {NEMESIS}
