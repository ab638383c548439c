"""Plain Python values as generators."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from checkers.history import Op
from tests.workloads.asking import context, fs, invocations, values
from workloads.generator import PENDING, Context, Source, lift, limit
from workloads.generator.simulate import simulate

READ = {"f": "read"}


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        (None, []),
        ([], []),
        (READ, ["read"]),
        (Op(index=-1, time=0, process=-1, type="invoke", f="cas", value=[1, 2]), ["cas"]),
        ([READ, None, {"f": "write"}], ["read", "write"]),
        ([[READ, READ], [{"f": "write"}]], ["read", "read", "write"]),
        (limit(3, lambda: READ), ["read", "read", "read"]),
        (limit(3, lambda: [READ, {"f": "write"}]), ["read", "write", "read"]),
        (lambda: None, []),
    ],
)
def test_plain_values_are_asked_for_in_order(source: Source, asked: list[str]) -> None:
    assert fs(simulate(source)) == asked


def test_what_a_template_leaves_out_is_filled_in() -> None:
    answer = lift({"f": "write", "value": 3, "key": 7, "node": "n1"}).op(context(1, time=5))
    assert answer is not None
    assert answer[0] == Op(-1, 5, 0, "invoke", "write", 3, 7, "n1")


def test_a_template_for_one_process_waits_for_it_and_ends_when_it_is_retired() -> None:
    generator = lift({"f": "read", "process": 1})
    assert generator.op(context(2, busy=[1])) == (PENDING, generator)
    answer = generator.op(context(2))
    assert answer is not None
    assert isinstance(answer[0], Op)
    assert answer[0].process == 1
    retired = Context(0, (0, 1), {0: 0, 1: 3}, context().random)
    assert generator.op(retired) is None


def test_a_template_without_a_free_thread_is_pending_and_without_any_thread_exhausted() -> None:
    generator = lift(READ)
    assert generator.op(context(2, busy=[0, 1])) == (PENDING, generator)
    assert generator.op(context(0)) is None


def test_an_endless_iterator_is_drawn_once_however_often_it_is_asked() -> None:
    drawn = itertools.count()
    generator = lift({"f": "add", "value": n} for n in drawn)
    for _ in range(5):
        answer = generator.op(context())
        assert answer is not None
        assert isinstance(answer[0], Op)
        assert answer[0].value == 0
    assert values(simulate(limit(4, generator))) == [0, 1, 2, 3]
    assert values(simulate(limit(4, generator))) == [0, 1, 2, 3], "a generator is a value"


def test_a_callable_may_look_at_the_context() -> None:
    history = simulate(limit(2, lambda context: {"f": "tell", "value": context.time}), threads=1)
    assert values(history) == [0, 10]


def test_free_threads_get_their_share() -> None:
    history = invocations(simulate(limit(900, lambda: READ), threads=3))
    shares = [sum(1 for op in history if op.process == process) for process in range(3)]
    assert all(250 < share < 350 for share in shares)


@pytest.mark.parametrize("wrong", [3, "read", b"read"])
def test_what_is_no_generator_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="is no generator"):
        lift(wrong)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("wrong", [{}, {"value": 1}, {"f": "read", "colour": "red"}])
def test_a_mapping_that_is_no_operation_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is no operation"):
        lift(wrong)


def test_templates_keep_their_own_time_if_it_is_later() -> None:
    late = Op(index=-1, time=50, process=-1, type="invoke", f="read")
    answer = lift(late).op(context(1, time=20))
    assert answer is not None
    assert answer[0] == msgspec.structs.replace(late, process=0)
