"""Who is asked, independent keys, and the wrapper that refuses mistakes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers.history import NEMESIS, History, Op
from tests.workloads.asking import context, fs, invocations
from workloads.generator import (
    PENDING,
    Answer,
    Context,
    Generator,
    IllFormedOp,
    each_process,
    each_thread,
    keyed,
    limit,
    mix,
    on_clients,
    on_nemesis,
    on_threads,
    phases,
    repeat,
    reserve,
    until_ok,
    validate,
)
from workloads.generator.simulate import imperfect, simulate

A, B, C = {"f": "a"}, {"f": "b"}, {"f": "c"}


def test_clients_and_nemesis_are_asked_apart() -> None:
    history = simulate(phases(on_clients(limit(20, repeat(A))), on_nemesis([B, C])), threads=3, nemesis=True)
    assert all((op.process == NEMESIS) == (op.f in "bc") for op in history)
    assert fs(history) == ["a"] * 20 + ["b", "c"]


def test_some_threads_only() -> None:
    history = simulate(on_threads(lambda thread: thread in (1, 3), limit(50, repeat(A))), threads=5)
    assert sorted({op.process for op in history}, key=str) == [1, 3]


def test_reserved_threads_stay_with_their_source_also_as_later_processes() -> None:
    source = reserve((2, limit(40, repeat(A))), (1, limit(40, repeat(B))), rest=limit(40, repeat(C)))
    history = simulate(source, imperfect(), threads=5, seed=4)
    assert sorted(fs(history)) == ["a"] * 40 + ["b"] * 40 + ["c"] * 40
    for op in history:
        assert isinstance(op.process, int)
        assert op.f == "aabcc"[op.process % 5]


def test_a_range_without_threads_is_exhausted_rather_than_pending_for_ever() -> None:
    assert fs(simulate(reserve((2, limit(3, repeat(A))), rest=B), threads=2)) == ["a"] * 3


def test_each_thread_has_a_copy_of_its_own() -> None:
    history = simulate(each_thread([A, B]), imperfect(ok=0, fail=1), threads=3)
    for process, part in History(history).by_process().items():
        assert fs(part) == ["a", "b"], process


def test_each_process_begins_afresh_after_info() -> None:
    history = simulate(each_process(until_ok(A)), imperfect(ok=0.3, fail=0.3), threads=3, seed=7)
    assert sum(1 for op in history if op.type == "ok") == 3
    assert any(op.type == "info" for op in history)


def test_each_waits_for_copies_on_busy_threads_and_ends_when_all_have_ended() -> None:
    generator: Generator = each_thread(A)
    first = generator.op(context(2, busy=[1]))
    assert first is not None
    assert first[0] != PENDING
    waiting = first[1].op(context(2, busy=[1]))
    assert waiting is not None
    assert waiting[0] == PENDING, "thread 1 still has its copy"
    second = waiting[1].op(context(2))
    assert second is not None
    assert second[1].op(context(2)) is None


@given(
    seed=st.integers(0, 10_000),
    threads=st.integers(1, 9),
    group=st.integers(1, 4),
    most=st.integers(1, 30),
    processes=st.integers(1, 6),
)
def test_keys_roll_within_their_limits(
    seed: int, threads: int, group: int, most: int, processes: int
) -> None:
    source = keyed(
        itertools.count(),
        lambda key: mix(repeat(A), repeat(B)),
        threads_per_key=group,
        ops_per_key=most,
        processes_per_key=processes,
    )
    history = simulate(source, imperfect(), threads=threads, seed=seed, limit=300)
    for key, part in History(history).by_key().items():
        assert key is not None
        asked = invocations(list(part))
        assert len(asked) <= most
        assert len({op.process for op in asked}) <= processes
        owners = {op.process % threads // group for op in asked if isinstance(op.process, int)}
        assert len(owners) == 1, "a key belongs to one group of threads"


def test_a_finished_key_was_used_for_nine_tenths_of_its_limit_at_least() -> None:
    source = keyed(range(6), lambda key: repeat(A), threads_per_key=2, ops_per_key=100)
    counts = [len(invocations(list(part))) for part in History(simulate(source, threads=4)).by_key().values()]
    assert len(counts) == 6
    assert all(90 <= count <= 100 for count in counts)
    assert len(dict.fromkeys(counts)) > 1, "keys must not roll in step"


def test_keys_are_worked_on_side_by_side() -> None:
    source = keyed(range(2), lambda key: repeat(A), threads_per_key=2, ops_per_key=50)
    keys = [op.key for op in simulate(source, threads=4)]
    assert 0 in keys[:8]
    assert 1 in keys[:8]


@pytest.mark.parametrize("wrong", ["threads_per_key", "ops_per_key", "processes_per_key"])
def test_limits_of_keys_below_one_are_refused(wrong: str) -> None:
    limits = {"threads_per_key": 1, "ops_per_key": 1, "processes_per_key": 1, wrong: 0}
    with pytest.raises(ValueError, match="at least 1"):
        keyed(range(3), lambda key: A, **limits)


class Answers:
    """A generator with one fixed answer."""

    def __init__(self, op: Op) -> None:
        self._op = op

    def op(self, context: Context) -> Answer:
        return self._op, self

    def update(self, context: Context, event: Op) -> Generator:
        return self


@pytest.mark.parametrize(
    ("op", "fault"),
    [
        (Op(-1, 9, 0, "ok", "a"), "no invocation"),
        (Op(-1, 9, 0, "invoke", ""), "without f"),
        (Op(3, 9, 0, "invoke", "a"), "with an index"),
        (Op(-1, 8, 0, "invoke", "a"), "in the past"),
        (Op(-1, 9, 1, "invoke", "a"), "not free"),
        (Op(-1, 9, 7, "invoke", "a"), "not free"),
    ],
)
def test_ill_formed_operations_are_refused(op: Op, fault: str) -> None:
    with pytest.raises(IllFormedOp, match=fault):
        validate(Answers(op)).op(context(2, time=9, busy=[1]))


def test_a_well_formed_operation_passes() -> None:
    op = Op(-1, 9, 0, "invoke", "a")
    answer = validate(Answers(op)).op(context(2, time=9, busy=[1]))
    assert answer is not None
    assert answer[0] == op
