"""Choice, rate, limits, phases: what is asked for, and when."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers.history import NEMESIS, Op
from tests.workloads.asking import SECOND, context, fs, invocations, times_s, values
from workloads.generator import (
    PENDING,
    Generator,
    Source,
    any_of,
    delay,
    flip_flop,
    lift,
    limit,
    map_ops,
    mix,
    on_clients,
    on_nemesis,
    once,
    phases,
    prefixed,
    process_limit,
    repeat,
    sleep,
    stagger,
    synchronize,
    then,
    time_limit,
    until,
    until_ok,
)
from workloads.generator.simulate import Complete, Deadlock, imperfect, perfect, simulate

A, B, C = {"f": "a"}, {"f": "b"}, {"f": "c"}


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        (limit(3, repeat([A, B])), "aba"),
        (limit(0, A), ""),
        (once(repeat(A)), "a"),
        (repeat([]), ""),
        (flip_flop([A, A], [B]), "aba"),
        (flip_flop(repeat(A), limit(2, repeat(B))), "ababa"),
        (phases([A, B], [C]), "abc"),
        (then([A, A], B), "aab"),
        (mix(), ""),
        (any_of(A), "a"),
        (any_of(None, []), ""),
        ([until_ok(A), B], "ab"),
        (map_ops(lambda op: op, [A, B]), "ab"),
    ],
)
def test_what_is_asked_for(source: Source, asked: str) -> None:
    assert "".join(fs(simulate(source, threads=1))) == asked


def test_a_mix_is_even_and_goes_on_until_all_are_exhausted() -> None:
    asked = fs(simulate(mix(limit(500, repeat(A)), limit(500, repeat(B)))))
    assert sorted(asked) == ["a"] * 500 + ["b"] * 500
    assert 200 < asked[:500].count("a") < 300


def test_a_mix_does_not_prefer_what_is_soonest() -> None:
    slow_and_fast = mix(delay(1, repeat(A)), repeat(B))
    asked = fs(simulate(limit(200, slow_and_fast), threads=1))
    assert 70 < asked.count("a") < 130


def test_any_of_takes_whatever_may_begin_soonest() -> None:
    asked = fs(simulate(time_limit(10, any_of(delay(1, repeat(A)), delay(0.5, repeat(B)))), threads=1))
    assert (asked.count("a"), asked.count("b")) == (10, 20)


def test_delay_is_exact_while_a_thread_is_free() -> None:
    assert times_s(simulate(limit(4, delay(0.5, repeat(A))))) == [0, 0.5, 1.0, 1.5]


def test_stagger_keeps_the_mean_rate_over_all_threads() -> None:
    history = simulate(time_limit(100, stagger(0.1, repeat(A))), perfect(SECOND // 2), threads=20)
    gaps = [later - earlier for earlier, later in pairwise(times_s(history))]
    assert 900 < len(gaps) < 1100
    assert min(gaps) >= 0
    assert max(gaps) <= 0.2


def test_after_a_stall_stagger_makes_no_burst() -> None:
    """One thread, blocked for ten seconds by its first operation, does not make up for what it missed."""

    def stall(op: Op, random: object) -> Op:
        return _ended(op, op.time + (10 * SECOND if op.time < SECOND else 10))

    history = simulate(time_limit(20, stagger(0.1, repeat(A))), stall, threads=1)
    assert sum(1 for time in times_s(history) if 10 <= time < 11) < 25


def test_time_is_limited_from_the_first_operation_on() -> None:
    history = simulate([sleep(5), time_limit(2, delay(0.5, repeat(A)))], threads=1)
    times = times_s(history)
    assert len(times) == 4
    assert times[0] >= 5
    assert times[-1] - times[0] == pytest.approx(1.5, abs=0.01)


def test_a_source_that_stays_pending_ends_with_its_time() -> None:
    endless = time_limit(1, [A, sleep(100), B])
    assert fs(simulate([endless, C], threads=1)) == ["a", "c"]


def test_a_sleep_keeps_counting_beside_something_busy() -> None:
    nemesis = on_nemesis([sleep(1), {"f": "start"}, sleep(1), {"f": "stop"}])
    history = simulate(any_of(nemesis, on_clients(time_limit(3, delay(0.01, repeat(A))))), nemesis=True)
    moments = {op.f: op.time / SECOND for op in invocations(history) if op.process == NEMESIS}
    assert moments["start"] == pytest.approx(1, abs=0.05)
    assert moments["stop"] == pytest.approx(2, abs=0.05)


def test_until_ok_tries_again_one_at_a_time_until_it_succeeds() -> None:
    history = simulate(until_ok(A), _outcomes("fail", "info", "fail", "ok"), threads=3)
    assert [op.type for op in history if op.type != "invoke"] == ["fail", "info", "fail", "ok"]
    assert all(op.type == ("invoke" if i % 2 == 0 else op.type) for i, op in enumerate(history))


def test_until_looks_at_the_answer() -> None:
    answers = iter([1, 5, 9, 12])

    def complete(op: Op, random: object) -> Op:
        return _ended(op, op.time + 10, value=next(answers))

    history = simulate(until(lambda event: event.value >= 9, A), complete, threads=2)
    assert [op.value for op in history if op.type == "ok"] == [1, 5, 9]


def test_a_phase_begins_when_all_threads_are_idle() -> None:
    generator = synchronize(A)
    assert generator.op(context(2, busy=[1])) == (PENDING, generator)
    assert generator.op(context(2)) is not None


@given(
    seed=st.integers(0, 10_000), threads=st.integers(1, 5), first=st.integers(0, 9), second=st.integers(0, 9)
)
def test_no_operation_of_a_phase_overlaps_another_phase(
    seed: int, threads: int, first: int, second: int
) -> None:
    source = phases(limit(first, repeat(A)), limit(second, repeat(B)))
    history = simulate(source, imperfect(), threads=threads, seed=seed)
    assert "".join(op.f for op in history) == "a" * 2 * first + "b" * 2 * second


@given(seed=st.integers(0, 10_000), count=st.integers(0, 20), threads=st.integers(1, 5))
def test_a_limit_is_met_exactly(seed: int, count: int, threads: int) -> None:
    history = simulate(limit(count, mix(repeat(A), repeat(B))), imperfect(), threads=threads, seed=seed)
    assert len(invocations(history)) == count


@given(seed=st.integers(0, 10_000), count=st.integers(1, 10), threads=st.integers(1, 5))
def test_a_process_limit_is_never_exceeded(seed: int, count: int, threads: int) -> None:
    history = simulate(process_limit(count, repeat(A)), imperfect(ok=0.3), threads=threads, seed=seed)
    processes = dict.fromkeys(op.process for op in history)
    assert len(processes) <= count
    assert len(processes) == count or threads < count


@given(
    seed=st.integers(0, 10_000),
    threads=st.integers(1, 5),
    build=st.sampled_from(
        [
            lambda: mix(stagger(0.01, repeat(A)), delay(0.02, repeat(B))),
            lambda: any_of(stagger(0.01, repeat(A)), on_nemesis(delay(0.1, flip_flop(repeat(B), repeat(C))))),
            lambda: phases(limit(5, repeat(A)), time_limit(0.5, stagger(0.001, repeat(B)))),
            lambda: prefixed("w", mix(repeat(A), repeat([B, C]))),
        ]
    ),
)
def test_time_is_monotone_and_every_process_is_sequential(seed: int, threads: int, build: object) -> None:
    assert callable(build)
    source: Generator = time_limit(1, build())
    history = simulate(source, imperfect(), threads=threads, nemesis=True, seed=seed, limit=400)
    assert [op.index for op in history] == list(range(len(history)))
    assert all(a.time <= b.time for a, b in pairwise(history))
    busy: dict[object, None] = {}
    retired: dict[object, None] = {}
    for op in history:
        if op.type == "invoke":
            assert op.process not in busy
            assert op.process not in retired
            busy[op.process] = None
        else:
            del busy[op.process]
            if op.type == "info" and op.process != NEMESIS:
                retired[op.process] = None


def test_the_same_seed_makes_the_same_history_and_another_one_another() -> None:
    def run(seed: int) -> list[Op]:
        source = time_limit(2, stagger(0.01, mix(repeat(A), repeat(B))))
        return simulate(source, imperfect(), threads=4, seed=seed)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_prefixed_source_goes_out_with_its_name_and_hears_its_own_events_without() -> None:
    history = simulate(prefixed("w", until_ok(A)), _outcomes("fail", "ok"), threads=1)
    assert [op.f for op in history] == ["w:a"] * 4
    other = Op(0, 0, 0, "ok", "v:a")
    generator = prefixed("w", lift(A))
    assert generator.update(context(), other) is generator


def test_a_generator_that_waits_for_nothing_is_found_out() -> None:
    with pytest.raises(Deadlock):
        simulate(sleep(10_000))


def test_values_are_passed_on() -> None:
    assert values(simulate([{"f": "a", "value": 1}, {"f": "a", "value": None}], threads=1)) == [1, None]


def _ended(op: Op, time: int, value: object = None) -> Op:
    return Op(op.index, time, op.process, "ok", op.f, value, op.key)


def _outcomes(*kinds: str) -> Complete:
    coming = iter(kinds)

    def complete(op: Op, random: object) -> Op:
        done = _ended(op, op.time + 10)
        return Op(done.index, done.time, done.process, next(coming), done.f)  # type: ignore[arg-type]  # literals

    return complete
