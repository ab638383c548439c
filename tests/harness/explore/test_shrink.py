from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from checkers.verdict import Anomaly
from harness.explore import regression, shrink
from harness.explore.conditions import CALM, Conditions
from harness.explore.swarm import expand
from harness.explore.tape import Injection, Step, Tape

GOAL = shrink.Goal("LF-WAL", "lost-write")
SWARM = replace(
    expand(1, "leader-follower", ("set",), ("kill",)),
    workloads=("set", "register"),
    nemeses=("kill", "power"),
    node_count=4,
    concurrency=4,
    conditions=Conditions(loss=0.01, sync_s=0.01),
)
TAPE = Tape(
    SWARM,
    tuple(Step(("set", "register")[n % 2], 0, n * 10**8, "add", n) for n in range(100)),
    tuple(
        Injection(
            ("kill", "power")[n % 2], n * 10**9, n * 10**9 + 5, {"nodes": ["n1", "n4"], "lost": ["n4/db"]}
        )
        for n in range(6)
    ),
)


def shrunk(fails: Callable[[Tape], bool], tape: Tape = TAPE, budget_s: float = 60.0) -> shrink.Shrunk:
    """Shrink in a world where a tape fails as `fails` says, showing everything as evidence."""

    def live(played: Tape) -> Any:
        evidence = tuple(SimpleNamespace(time=step.time_ns) for step in played.steps)
        found = [Anomaly(GOAL.anomaly, "it is lost", evidence, GOAL.clause)] if fails(played) else []  # type: ignore[arg-type]  # only their times are looked at
        verdict = SimpleNamespace(anomalies=found)
        return SimpleNamespace(
            results=SimpleNamespace(judged=[SimpleNamespace(verdict=verdict)], valid=not found)
        )

    with patch.object(shrink, "live_tape", live):
        return shrink.Shrinker(GOAL, lambda said: None, budget_s).shrink(tape)


def values(tape: Tape) -> list[int]:
    return [step.value for step in tape.steps]


def test_only_what_is_needed_remains_and_each_part_is_shown_to_be() -> None:
    result = shrunk(lambda t: {8, 42} <= set(values(t)) and any(f.family == "power" for f in t.faults))
    assert values(result.tape) == [8, 42]
    assert [fault.family for fault in result.tape.faults] == ["power"]
    assert result.tape.swarm.nemeses == ("power",)
    assert result.tape.swarm.workloads == ("set",)
    assert result.tape.swarm.conditions == CALM
    assert result.tape.swarm.node_count == 1
    assert [need.without for need in result.needs] == ["no violation"] * 3
    assert result.complete


def test_node_that_is_gone_is_gone_from_the_faults_too() -> None:
    result = shrunk(lambda t: len(t.faults) > 0 and t.swarm.node_count >= 2)
    assert result.tape.swarm.node_count == 2
    assert result.tape.faults[0].value == {"nodes": ["n1"], "lost": []}


def test_condition_that_is_needed_stays_and_the_others_go() -> None:
    result = shrunk(lambda t: t.swarm.conditions.sync_s is not None)
    assert result.tape.swarm.conditions == Conditions(sync_s=0.01)
    assert (result.tape.steps, result.tape.faults) == ((), ())


def test_waiting_is_cut_and_the_order_kept() -> None:
    result = shrunk(lambda t: {2, 4, 90} <= set(values(t)) and t.swarm.time_limit_s > 0)
    times = [step.time_ns for step in result.tape.steps]
    assert times == sorted(times)
    assert times[-1] <= 100_000_000
    assert result.tape.swarm.time_limit_s == 2.0


def test_causes_that_stand_in_for_each_other_are_one_minimal_all_the_same() -> None:
    result = shrunk(lambda t: len(t.faults) >= 2 or (len(t.faults) == 1 and len(t.steps) >= 3))
    assert len(shrink.parts(result.tape)) in (2, 4)
    assert result.complete


def test_time_that_is_over_leaves_a_failing_tape_and_says_so() -> None:
    ticks = itertools.count()
    with patch.object(time, "process_time", lambda: float(next(ticks))):
        result = shrunk(lambda t: 42 in values(t), budget_s=12.0)
    assert 42 in values(result.tape)
    assert 1 < len(result.tape.steps) < 100
    assert not result.complete
    assert {need.without for need in result.needs} >= {"untried"}


def test_tape_that_does_not_fail_is_not_shrunk() -> None:
    with pytest.raises(shrink.NotReproducedError, match=r"does not show LF-WAL: lost-write: no violation\."):
        shrunk(lambda t: False)


def test_result_is_stored_with_the_line_that_plays_it(tmp_path: Path) -> None:
    result = shrunk(lambda t: 42 in values(t))
    folder = regression.store(tmp_path, regression.name_of(result), result)
    assert folder == tmp_path / "regressions" / f"lf-wal-lost-write-{SWARM.seed}"
    tape, expected = regression.load(folder)
    assert tape == result.tape
    assert expected.goal == GOAL
    assert expected.one_minimal
    assert expected.replay == f"pestle replay --tape {folder}"
    assert regression.stored(tmp_path) == (folder,)
