"""Pairing, views and what cannot be a history."""

from __future__ import annotations

import pytest

from checkers.history import History, MalformedHistoryError, Op
from tests.checkers.histories import history


def test_an_operation_is_its_invocation_and_its_completion() -> None:
    (write, read) = history("0 invoke write 1", "1 invoke read", "0 ok write 1", "1 ok read 1 node=n2").pairs
    assert (write.type, write.f, write.value, write.latency_ns) == ("ok", "write", 1, 2_000_000)
    assert (read.type, read.value, read.node) == ("ok", 1, "n2")
    assert len(read.ops) == 2


def test_an_operation_without_completion_is_unknown() -> None:
    (pair,) = history("0 invoke write 1").pairs
    assert (pair.type, pair.value, pair.latency_ns, len(pair.ops)) == ("info", 1, None, 1)


def test_only_what_ended_with_ok_precedes_for_certain() -> None:
    first, second, third = history(
        "0 invoke write 1", "0 ok write 1", "1 invoke write 2", "1 info write 2", "0 invoke read", "0 ok read"
    ).pairs
    assert first.precedes(second)
    assert not second.precedes(third)
    assert not third.precedes(first)


def test_the_nemesis_may_do_as_it_likes() -> None:
    whole = history("nemesis info start-kill", "nemesis info start-kill", "0 invoke read", "nemesis invoke x")
    assert len(whole.pairs) == 1
    assert [op.f for op in whole.nemesis] == ["start-kill", "start-kill", "x"]
    assert [op.f for op in whole.clients] == ["read"]


@pytest.mark.parametrize(
    ("lines", "message", "position"),
    [
        (["0 ok read"], "completion of process 0 without an invocation", 0),
        (["0 invoke read", "0 invoke read"], "before its operation of index 0 has completed", 1),
        (
            ["0 invoke write 1", "0 info write 1", "0 invoke read"],
            "acts after one of its operations ended",
            2,
        ),
        (["0 invoke read", "0 ok write 1"], 'completes "write" but invoked "read"', 1),
        (["0 invoke read key=1", "0 ok read key=2"], "completes on key 2 what it invoked on key 1", 1),
        (["bob invoke read"], 'process "bob" is neither a number nor "nemesis"', 0),
    ],
)
def test_what_no_sequential_client_can_have_done_is_refused(
    lines: list[str], message: str, position: int
) -> None:
    with pytest.raises(MalformedHistoryError, match=message) as refusal:
        history(*lines).pairs  # noqa: B018 - it is the access that checks
    assert refusal.value.position == position


def test_indices_that_do_not_rise_are_refused() -> None:
    ops = [Op(3, 0, 0, "invoke", "read"), Op(3, 1, 0, "ok", "read")]
    with pytest.raises(MalformedHistoryError, match="index 3 follows index 3"):
        History(ops).pairs  # noqa: B018 - it is the access that checks


def test_a_completion_before_its_invocation_is_refused() -> None:
    ops = [Op(0, 5, 0, "invoke", "read"), Op(1, 4, 0, "ok", "read")]
    with pytest.raises(MalformedHistoryError, match="completes at time 4, before its invocation at 5"):
        History(ops).pairs  # noqa: B018 - it is the access that checks


def test_views_keep_the_indices_of_the_whole() -> None:
    whole = history(
        "0 invoke register:read key=1",
        "1 invoke set:add 5",
        "nemesis invoke start-kill",
        "0 ok register:read 7",
        "1 fail set:add 5",
    )
    assert whole.workloads() == ("register", "set")
    register = whole.of_workload("register")
    assert [(op.index, op.f) for op in register] == [(0, "read"), (2, "start-kill"), (3, "read")]
    assert [op.index for op in register.by_key()[1]] == [0, 3]
    assert {process: len(view) for process, view in whole.by_process().items()} == {0: 2, 1: 2, "nemesis": 1}
    assert [op.index for op in whole[3:]] == [3, 4]
    assert whole.timed
    assert not History([Op(0, -1, 0, "invoke", "read")]).timed
