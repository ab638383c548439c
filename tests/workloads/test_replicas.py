"""The end of a run with followers: waiting for the last tick, and rounds of snapshots until all agree."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from checkers.convergence import Convergence
from checkers.history import History, Op
from checkers.verdict import Limits
from tests.workloads.asking import fs, invocations
from workloads.generator.simulate import Complete, simulate
from workloads.replicas import converge, final
from workloads.replicas.phase import Rounds, has_caught_up

MS = 1_000_000
CAUGHT_UP = {"running": True, "applied": 7, "leader_tick": 7}


def answering(state: Callable[[Op], Any], documents: Callable[[Op, int], Any]) -> Complete:
    """Answers by functions; None is a failed request."""

    def complete(op: Op, random: Random) -> Op:
        server = op.value.get("server", 0)
        value = state(op) if op.f == "state" else documents(op, server)
        kind = "fail" if value is None else "ok"
        shown = value if op.f == "state" else {"node": f"n{server}", "documents": value}
        return msgspec.structs.replace(op, time=op.time + MS, type=kind, value=shown)

    return complete


def test_followers_that_caught_up_are_watched_once_and_equal_copies_looked_at_once() -> None:
    history = simulate(converge(2), answering(lambda op: CAUGHT_UP, lambda op, server: {"a": "1"}))
    assert fs(history) == ["state", "state", "snapshot", "snapshot", "snapshot"]
    assert [op.value for op in invocations(history)][:2] == [
        {"follower": 0, "ask_leader": True},
        {"follower": 1, "ask_leader": True},
    ]


def test_a_follower_behind_is_watched_until_its_time_is_over_and_then_looked_at() -> None:
    behind = CAUGHT_UP | {"applied": 6}
    history = simulate(converge(1, deadline_s=2), answering(lambda op: behind, lambda op, server: {}))
    assert fs(history).count("state") == 20
    assert fs(history)[-2:] == ["snapshot", "snapshot"]


def test_several_stuck_followers_share_the_time_so_that_their_copies_are_looked_at() -> None:
    behind = CAUGHT_UP | {"applied": 6}
    history = simulate(converge(3, deadline_s=2), answering(lambda op: behind, lambda op, server: {}))
    assert fs(history).count("state") == 20
    assert fs(history)[-4:] == ["snapshot"] * 4


def test_a_write_that_arrives_between_two_snapshots_is_no_divergence() -> None:
    def documents(op: Op, server: int) -> dict[str, str]:
        return {} if op.index == 0 else {"late": "1"}

    history = simulate(Rounds(2), answering(lambda op: CAUGHT_UP, documents))
    assert fs(history) == ["snapshot"] * 4
    assert Convergence().check(History(history), Limits()).valid is True


def test_copies_that_never_agree_are_asked_for_a_limited_time_and_found() -> None:
    history = simulate(converge(1), answering(lambda op: CAUGHT_UP, lambda op, server: {"a": str(server)}))
    assert 20 < fs(history).count("snapshot") < 40
    assert Convergence().check(History(history), Limits()).valid is False


def test_a_server_that_does_not_answer_keeps_the_rounds_going() -> None:
    def documents(op: Op, server: int) -> dict[str, str] | None:
        return None if op.index < 5 else {}

    history = simulate(Rounds(2), answering(lambda op: CAUGHT_UP, documents))
    assert [op.type for op in history if op.type != "invoke"][-2:] == ["ok", "ok"]


def test_final_operations_are_tried_until_they_succeed_or_time_is_over() -> None:
    history = simulate(final([{"f": "a", "value": {}}]), answering(lambda op: None, lambda op, server: None))
    assert 150 < len(fs(history)) <= 200


@pytest.mark.parametrize(
    ("change", "caught_up"),
    [
        ({}, True),
        ({"applied": 8}, True),
        ({"applied": 6}, False),
        ({"applied": None}, False),
        ({"leader_tick": None}, False),
        ({"running": False}, False),
    ],
)
def test_caught_up_is_running_with_the_leaders_last_tick_applied(
    change: dict[str, Any], caught_up: bool
) -> None:
    assert has_caught_up(Op(1, 1, 0, "ok", "state", CAUGHT_UP | change)) is caught_up


def test_a_failed_question_is_not_caught_up() -> None:
    assert not has_caught_up(Op(1, 1, 0, "fail", "state", {"follower": 0}))
