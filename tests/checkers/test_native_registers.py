"""The compiled searches of registers against the readable one, and their own limits."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.budget import Budget
from checkers.history import History
from checkers.linearizability import Linearizable, entries
from checkers.models import Model, model
from checkers.native import AVAILABLE, registers
from checkers.search import NEVER, Entry, Result, search
from checkers.verdict import Limits
from tests.checkers.histories import history, run_register
from tests.checkers.oracle import has_order
from tests.checkers.test_linearizability import small_histories

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="no C++ compiler when the project was installed")

CAS = model("cas-register")
NO_LIMITS = Limits()
EXACT = ("portfolio", "depth-first", "frontier")


def native(
    parts: list[Entry], *, only: str = "portfolio", judge: Model = CAS, limits: Limits = NO_LIMITS
) -> Result:
    return registers.search(judge, parts, Budget(limits), only=only)


def is_order(judge: Model, order: tuple[Entry, ...]) -> bool:
    state, latest_begin = judge.init, -1
    for entry in order:
        latest_begin = max(latest_begin, entry.begin)
        possible, state = judge.step(state, entry.call)
        if not possible or entry.end < latest_begin:
            return False
    return True


@settings(max_examples=400, deadline=None)
@given(small_histories(), st.sampled_from(["cas-register", "etcd"]))
def test_every_search_agrees_with_the_definition(whole: History, name: str) -> None:
    judge = model(name)
    parts = entries(judge, whole.pairs)
    expected = has_order(judge, parts)
    for only in registers.METHODS:
        answer = native(parts, only=only, judge=judge).linearizable
        # The zones need unique values, and the relaxed frontier knows how to say no alone.
        assert answer is expected or (answer is None and only not in EXACT)


@pytest.mark.parametrize("values", [0, 2, 5])
@pytest.mark.parametrize("seed", range(40))
def test_what_is_said_of_a_broken_history_is_what_the_readable_search_says(seed: int, values: int) -> None:
    random = Random(seed)
    whole = run_register(
        random,
        operations=random.randint(5, 25),
        clients=random.randint(2, 5),
        values=values,
        unknown=random.choice([0, 0.2]),
        stale=0.6,
    )
    parts = entries(CAS, whole.pairs)
    readable = search(CAS, parts, Budget(Limits()))
    for only in EXACT:
        result = native(parts, only=only)
        assert result.linearizable is readable.linearizable
        if not readable.linearizable:
            assert result.stuck == readable.stuck
            assert set(result.states) == set(readable.states)
            assert is_order(CAS, result.order)
            assert {e.begin for e in parts if e.end < result.stuck} <= {e.begin for e in result.order}


@pytest.mark.parametrize("values", [0, 5])
@pytest.mark.parametrize("seed", range(10))
def test_a_long_correct_history_is_never_accused(seed: int, values: int) -> None:
    whole = run_register(Random(seed), operations=1000, clients=6, values=values, unknown=0.05)
    parts = entries(CAS, whole.pairs)
    for only in ("portfolio", "depth-first"):
        assert native(parts, only=only).linearizable is True


@pytest.mark.parametrize("seed", range(10))
def test_the_prefix_before_the_first_stuck_operation_has_an_order_and_with_it_has_none(seed: int) -> None:
    whole = run_register(Random(seed), operations=400, clients=4, values=0, unknown=0.05, stale=0.05)
    parts = entries(CAS, whole.pairs)
    result = native(parts)
    assert result.linearizable is False
    for until, expected in ((result.stuck, True), (result.stuck + 1, False)):
        known = [e if e.end < until else e._replace(end=NEVER) for e in parts if e.begin < until]
        known = [e for e in known if e.end != NEVER or e.call.f != "read"]
        assert search(CAS, known, Budget(Limits())).linearizable is expected


def hard(key: str = "") -> tuple[str, ...]:
    """Concurrent writes of every value twice, a read of each value, and a read of what nobody wrote."""
    begin = (f"{i} invoke write {i // 2} {key}" for i in range(60))
    reads = (line for i in range(30) for line in (f"70 invoke read {key}", f"70 ok read {i} {key}"))
    end = (f"{i} ok write {i // 2} {key}" for i in range(60))
    return (*begin, *reads, *end, f"0 invoke read {key}", f"0 ok read -1 {key}")


def test_time_is_limited_during_the_search() -> None:
    began = time.monotonic()
    verdict = Linearizable(CAS).check(history(*hard()), Limits(time_s=0.2))
    assert time.monotonic() - began < 20, "without a limit it takes hours"
    assert verdict.valid == "unknown"
    assert verdict.reasons[0].startswith("the time limit was reached after ")
    assert "the history can be explained up to index 181" in verdict.reasons[0]


@pytest.mark.parametrize("only", EXACT)
def test_memory_is_limited_during_the_search(only: str) -> None:
    parts = entries(CAS, history(*hard()).pairs)
    result = native(parts, only=only, limits=Limits(time_s=60, memory_bytes=4 * 2**20))
    assert (result.linearizable, result.reason) == (None, "the memory limit of 4 MB was reached")
    assert result.configurations > 1000


def test_an_allowance_is_kept_and_named() -> None:
    parts = entries(CAS, history(*hard()).pairs)
    result = registers.search(CAS, parts, Budget(Limits()), 5000)
    assert result.reason == "the allowance of 5000 configurations was used up"
    assert 5000 <= result.configurations < 6000


def test_a_hard_key_does_not_hide_the_violation_of_an_easy_one() -> None:
    easy = ("90 invoke write 1 key=2", "90 ok write 1 key=2", "90 invoke read key=2", "90 ok read nil key=2")
    whole = history(*hard("key=1"), *easy)
    verdict = Linearizable(CAS).check(whole, Limits(memory_bytes=8 * 2**20))
    assert verdict.valid is False
    assert [found.details["key"] for found in verdict.anomalies] == [2]
    assert verdict.statistics["objects_undecided"] == 1


def test_a_hundred_clients_with_values_of_their_own_are_no_problem() -> None:
    whole = run_register(Random(1), operations=5000, clients=100, values=0, unknown=0.02)
    assert Linearizable(CAS).check(whole, Limits(memory_bytes=16 * 2**20)).valid is True
