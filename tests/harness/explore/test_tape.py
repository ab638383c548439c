from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers.history import NEMESIS, History, Op
from harness.explore.conditions import Conditions
from harness.explore.life import live_swarm, live_tape, tape_of
from harness.explore.swarm import expand
from harness.explore.tape import Injection, Injections, Step, Tape, TapeError, as_json, read, record, script
from workloads.generator import PENDING, Context, Generator, Pending

SWARM = replace(
    expand(7, "leader-follower", ("set", "register")), workloads=("register", "set"), concurrency=4
)


def context(time: int, free: tuple[int | str, ...] = (0, 1, NEMESIS), **renamed: int) -> Context:
    processes: dict[int | str, int | str] = {
        0: renamed.get("p0", 0),
        1: renamed.get("p1", 1),
        NEMESIS: NEMESIS,
    }
    return Context(time, free, processes, Random(0))


def ask(generator: Generator, moment: Context) -> tuple[Op, Generator]:
    answer = generator.op(moment)
    assert answer is not None
    assert not isinstance(answer[0], Pending)
    return answer[0], answer[1]


def test_each_thread_does_its_steps_in_their_order_and_at_their_times() -> None:
    steps = [Step("set", 0, 100, "add", 1), Step("set", 1, 50, "add", 2), Step("set", 0, 200, "read")]
    first, rest = ask(script(steps), context(0))
    second, rest = ask(rest, context(60))
    third, rest = ask(rest, context(300))
    assert [(op.process, op.time, op.f, op.value) for op in (first, second, third)] == [
        (1, 50, "add", 2),
        (0, 100, "add", 1),
        (0, 300, "read", None),
    ]
    assert rest.op(context(300)) is None


def test_step_of_a_busy_thread_waits_and_one_of_a_retired_process_goes_to_its_successor() -> None:
    script_ = script([Step("set", 1, 50, "add", 2)])
    assert script_.op(context(60, free=(0, NEMESIS))) == (PENDING, script_)
    assert ask(script_, context(60, p1=11))[0].process == 11


def test_faults_are_injected_and_healed_one_after_the_other() -> None:
    ops = (
        Op(-1, 5, NEMESIS, "invoke", "start-kill", {"nodes": ["n1"]}),
        Op(-1, 9, NEMESIS, "invoke", "stop-kill"),
    )
    first, rest = ask(Injections(ops), context(0))
    assert (first.f, first.time, first.value) == ("start-kill", 5, {"nodes": ["n1"]})
    assert rest.op(context(6, free=(0, 1))) == (PENDING, rest)
    second, rest = ask(rest, context(12))
    assert (second.f, second.time) == ("stop-kill", 12)
    assert rest.op(context(12)) is None


def test_history_becomes_steps_by_workload_and_own_thread_with_distinct_times() -> None:
    ops = [
        Op(0, 10, 3, "invoke", "set:add", 1),
        Op(1, 10, 0, "invoke", "register:read", key=5),
        Op(2, 20, 3, "info", "set:add", 1),
        Op(3, 30, 7, "invoke", "set:add", 2),  # thread 3 goes on as process 7
        Op(4, 99, 0, "ok", "register:read", 4, key=5),
    ]
    tape = record(SWARM, History(ops), 50)
    assert tape.steps == (
        Step("set", 1, 10, "add", 1),
        Step("register", 0, 11, "read", None, 5),
        Step("set", 1, 30, "add", 2),
    )


def test_fault_that_was_never_stopped_has_no_end() -> None:
    done = {"nodes": ["n1"]}
    ops = [
        Op(0, 10, NEMESIS, "invoke", "start-kill"),
        Op(1, 12, NEMESIS, "info", "start-kill", done),
        Op(2, 20, NEMESIS, "invoke", "stop-kill"),
        Op(3, 25, NEMESIS, "info", "stop-kill"),
        Op(4, 30, NEMESIS, "invoke", "start-power"),
        Op(5, 31, NEMESIS, "info", "start-power", done),
    ]
    assert record(SWARM, History(ops), 50).faults == (
        Injection("kill", 10, 20, done),
        Injection("power", 30, None, done),
    )


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**53), 2**53),
    st.lists(st.integers(0, 9)),
    st.dictionaries(st.text(), st.text()),
)


@given(
    st.lists(st.builds(Step, st.just("set"), st.integers(0, 9), st.integers(0, 10**12), st.text(), VALUES)),
    st.lists(st.builds(Injection, st.text(), st.integers(0, 10**12), st.none() | st.integers(0), VALUES)),
    st.none() | st.just("missing-fsync"),
)
def test_tape_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step], faults: list[Injection], defect: str | None
) -> None:
    conditions = Conditions(delay_s=0.001, clock_offsets_s=(0.5, -0.5))
    tape = Tape(replace(SWARM, conditions=conditions), tuple(steps), tuple(faults), defect)
    file = tmp_path_factory.mktemp("tape") / "tape.json"
    file.write_text(as_json(tape))
    assert read(file) == read(file.parent) == tape


def test_what_is_no_tape_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="only `pestle explore`, `replay` and `shrink` keep tapes"):
        read(tmp_path)
    (tmp_path / "tape.json").write_text('{"swarm": 3}')
    with pytest.raises(TapeError, match="is no tape"):
        read(tmp_path)
    (tmp_path / "tape.json").write_text(as_json(replace(Tape(SWARM, (), ()), schema=2)))
    with pytest.raises(TapeError, match="schema 2"):
        read(tmp_path)


def by_thread(tape: Tape) -> list[Step]:
    """Threads do their own steps in order; in which order two threads act may differ."""
    return sorted(tape.steps, key=lambda step: step.thread)


@pytest.mark.parametrize("seed", [3, 21])
def test_played_again_a_tape_is_the_same_for_as_long_as_things_break(seed: int) -> None:
    swarm = replace(
        expand(seed, "leader-follower", ("set",), ("kill", "pause")), time_limit_s=5.0, interval_s=0.8
    )
    life = live_swarm(swarm)
    tape = tape_of(swarm, life)
    again = live_tape(tape)
    before, now = by_thread(tape), by_thread(tape_of(swarm, again))
    assert len(tape.steps) > 50
    assert tape.faults
    assert [(s.thread, s.f, s.value) for s in now] == [(s.thread, s.f, s.value) for s in before]
    assert median(abs(s.time_ns - t.time_ns) for s, t in zip(now, before, strict=True)) < 1_000_000
    done = [(f.family, f.value, f.effective) for f in again.recorded.faults]
    assert done == [(f.family, f.value, f.effective) for f in life.recorded.faults]
    assert live_tape(tape).trace_sha256 == again.trace_sha256
