"""The interpreter on a loop with virtual time, with clients that behave as the test wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from checkers.history import NEMESIS, History, Op
from harness.environment import TransportError
from harness.interpreter import Deadlines, IllBehaved, Interpreter
from tests.harness.virtual_time import in_virtual_time
from workloads.generator import (
    Context,
    Generator,
    Source,
    any_of,
    each_thread,
    lift,
    limit,
    on_clients,
    on_nemesis,
    phases,
    repeat,
    stagger,
    time_limit,
)
from workloads.protocol.outcome import Fail, Info, Ok, Outcome, RequestError

Behaviour = Callable[[Op], Awaitable[Any]]


@dataclass
class Lab:
    """An interpreter, what it recorded, and the clients it opened and closed."""

    behaviour: Behaviour
    concurrency: int = 2
    nemesis: Behaviour | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    ops: list[Op] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)

    def interpreter(self) -> Interpreter:
        return Interpreter(
            concurrency=self.concurrency,
            connect=self._connect,
            nemesis=self.nemesis or self._no_nemesis,
            record=self.ops.append,
            random=Random(1),
            deadlines=self.deadlines,
        )

    async def run(self, source: Source) -> list[Op]:
        interpreter = self.interpreter()
        await interpreter.run(lift(source))
        await interpreter.close()
        return self.ops

    def _connect(self, process: int) -> FakeClient:
        self.opened.append(process)
        return FakeClient(self, process)

    async def _no_nemesis(self, op: Op) -> Any:
        raise AssertionError(f"nobody asked for {op}")

    def types(self) -> list[str]:
        return [op.type for op in self.ops]


@dataclass
class FakeClient:
    lab: Lab
    process: int

    async def invoke(self, op: Op) -> Outcome:
        outcome: Outcome = await self.lab.behaviour(op)
        return outcome

    async def close(self) -> None:
        self.lab.closed.append(self.process)


async def ok(op: Op) -> Outcome:
    return Ok(op.value)


async def never(op: Op) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError


def after(seconds: float, outcome: Outcome) -> Behaviour:
    async def behaviour(op: Op) -> Outcome:
        await asyncio.sleep(seconds)
        return outcome

    return behaviour


def raising(error: BaseException) -> Behaviour:
    async def behaviour(op: Op) -> Outcome:
        raise error

    return behaviour


def writes(count: int) -> Generator:
    return on_clients(limit(count, [{"f": "write", "value": n} for n in range(count)]))


async def test_every_invocation_is_recorded_before_its_client_is_called() -> None:
    lab = Lab(ok)
    seen: list[Op] = []

    async def behaviour(op: Op) -> Outcome:
        seen.append(lab.ops[-1])
        return Ok()

    lab.behaviour = behaviour
    await lab.run(on_clients(repeat_n(5)))
    assert len(seen) == 5
    assert [op.type for op in seen] == ["invoke"] * 5


def repeat_n(count: int) -> Generator:
    return limit(count, repeat({"f": "read"}))


async def test_indices_are_dense_times_never_fall_and_everything_is_paired() -> None:
    lab = Lab(after(0.001, Ok(3)), concurrency=4)
    await lab.run(on_clients(repeat_n(200)))
    assert [op.index for op in lab.ops] == list(range(400))
    assert all(a.time <= b.time for a, b in zip(lab.ops, lab.ops[1:], strict=False))
    assert all(pair.type == "ok" for pair in History(lab.ops).pairs)


async def test_value_of_ok_is_recorded_and_the_argument_kept_without_one() -> None:
    lab = Lab(ok)
    await lab.run(writes(1))
    assert [(op.type, op.f, op.value) for op in lab.ops] == [("invoke", "write", 0), ("ok", "write", 0)]


@pytest.mark.parametrize(
    ("behaviour", "kind", "says"),
    [
        (after(0, Fail("no", "n1")), "fail", "no"),
        (after(0, Info("who knows", "n1")), "info", "who knows"),
        (raising(RequestError("conflict", definite=True)), "fail", "conflict"),
        (raising(RequestError("gone", definite=False)), "info", "gone"),
        (raising(TransportError("refused", sent=False)), "info", "TransportError: refused"),
        (raising(ZeroDivisionError("oops")), "info", "ZeroDivisionError: oops"),
        (raising(TimeoutError()), "info", "no answer within 0.05 s"),
        (never, "info", "no answer within 0.05 s"),
    ],
)
async def test_what_is_not_known_is_info(behaviour: Behaviour, kind: str, says: str) -> None:
    lab = Lab(behaviour, deadlines=Deadlines(client_s=0.05))
    await lab.run(writes(1))
    assert (lab.ops[1].type, lab.ops[1].error, lab.ops[1].value) == (kind, says, 0)


async def test_after_info_the_thread_goes_on_as_another_process_with_a_new_client() -> None:
    async def behaviour(op: Op) -> Outcome:
        return Info("?") if op.value % 2 else Ok()

    lab = Lab(behaviour, concurrency=3)
    await lab.run(writes(30))
    pairs = History(lab.ops).pairs  # raises if a process acts after info
    retired = [pair.invoke.process for pair in pairs if pair.type == "info"]
    assert len(retired) == 15
    assert set(retired) <= set(lab.closed)
    assert sorted(lab.opened) == sorted(set(lab.opened)), "a process got a second client"
    by_thread: dict[int, list[int]] = {}
    for process in lab.opened:
        by_thread.setdefault(process % 3, []).append(process)
    assert all(acted == list(range(t, t + 3 * len(acted), 3)) for t, acted in by_thread.items())


async def test_fail_and_ok_keep_process_and_client() -> None:
    lab = Lab(after(0, Fail("no")), concurrency=1)
    await lab.run(writes(5))
    assert {op.process for op in lab.ops} == {0}
    assert lab.opened == [0]


def test_slow_thread_does_not_hold_up_the_others() -> None:
    async def behaviour(op: Op) -> Outcome:
        if op.value == 0:
            await asyncio.sleep(0.2)
        return Ok()

    lab = Lab(behaviour)
    in_virtual_time(lab.run(writes(20)))
    slow = next(op for op in lab.ops if op.type == "ok" and op.value == 0)
    assert slow.index == 39


def test_operations_begin_when_the_generator_says() -> None:
    lab = Lab(ok)
    in_virtual_time(lab.run(on_clients(time_limit(0.3, stagger(0.02, repeat({"f": "read"}))))))
    invoked = [op.time for op in lab.ops if op.type == "invoke"]
    assert 5 <= len(invoked) <= 40
    assert invoked[-1] < 0.32e9


async def test_phases_wait_for_operations_in_flight() -> None:
    lab = Lab(after(0.02, Ok()))
    await lab.run(on_clients(phases(each_thread({"f": "a"}), each_thread({"f": "b"}))))
    assert [(op.f, op.type) for op in lab.ops] == [
        ("a", "invoke"),
        ("a", "invoke"),
        ("a", "ok"),
        ("a", "ok"),
        ("b", "invoke"),
        ("b", "invoke"),
        ("b", "ok"),
        ("b", "ok"),
    ]


async def test_a_second_generator_goes_on_with_index_time_and_processes() -> None:
    lab = Lab(after(0, Info("?")), concurrency=1)
    interpreter = lab.interpreter()
    assert await interpreter.run(writes(2))
    assert await interpreter.run(writes(1))
    assert [op.index for op in lab.ops] == list(range(6))
    assert [op.process for op in lab.ops if op.type == "invoke"] == [0, 1, 2]


@dataclass(frozen=True, slots=True)
class Listening:
    """One read for each event heard, so that the test sees what a generator is told, and in which context."""

    told: list[tuple[str, Op, Context]]
    left: int = 3

    def op(self, context: Context) -> Any:
        asked = lift({"f": "read"}).op(context)
        if self.left == 0 or asked is None:
            return None
        return asked[0], (Listening(self.told, self.left - 1) if isinstance(asked[0], Op) else self)

    def update(self, context: Context, event: Op) -> Generator:
        self.told.append((event.type, event, context))
        return self


async def test_generator_is_told_of_every_event_just_after_it() -> None:
    told: list[tuple[str, Op, Context]] = []
    lab = Lab(after(0.001, Info("?")), concurrency=1)
    await lab.run(on_clients(Listening(told)))
    assert [kind for kind, _, _ in told] == ["invoke", "info"] * 3
    for kind, event, context in told:
        # The thread is busy after an invocation; after a completion it is free and still the same process.
        assert (0 in context.free) == (kind == "info")
        assert context.thread_of(event.process) == 0


async def test_nemesis_acts_beside_the_clients_and_its_completions_are_info() -> None:
    async def nemesis(op: Op) -> Any:
        await asyncio.sleep(0.01)
        return {"cut": op.f}

    lab = Lab(after(0.005, Ok()), nemesis=nemesis)
    await lab.run(any_of(on_clients(repeat_n(6)), on_nemesis([{"f": "start-x"}, {"f": "stop-x"}])))
    ours = [op for op in lab.ops if op.process == NEMESIS]
    assert [(op.type, op.f, op.value) for op in ours] == [
        ("invoke", "start-x", None),
        ("info", "start-x", {"cut": "start-x"}),
        ("invoke", "stop-x", None),
        ("info", "stop-x", {"cut": "stop-x"}),
    ]


@pytest.mark.parametrize(
    ("nemesis", "says"),
    [
        (raising(OSError("no iptables")), "OSError: no iptables"),
        (never, "not done within 0.05 s"),
    ],
)
async def test_nemesis_that_fails_is_told_and_the_run_goes_on(nemesis: Behaviour, says: str) -> None:
    lab = Lab(ok, concurrency=1, nemesis=nemesis, deadlines=Deadlines(nemesis_s=0.05))
    await lab.run(phases(on_nemesis({"f": "start-x"}), on_clients(repeat_n(2))))
    assert (lab.ops[1].type, lab.ops[1].error) == ("info", says)
    assert lab.types()[2:] == ["invoke", "ok"] * 2


async def test_stopping_abandons_what_is_in_flight_as_info() -> None:
    lab = Lab(never)
    interpreter = lab.interpreter()
    asyncio.get_running_loop().call_later(0.05, interpreter.stop)
    assert not await interpreter.run(on_clients(repeat({"f": "read"})))
    assert lab.types() == ["invoke", "invoke", "info", "info"]
    assert sorted(lab.closed) == [0, 1]
    lab.behaviour = ok
    assert await interpreter.run(writes(1)), "the next generator runs as if nothing had been"
    assert lab.ops[-1].type == "ok"
    assert lab.ops[-1].process in (2, 3)


async def test_cancellation_leaves_no_invocation_without_completion() -> None:
    lab = Lab(never)
    task = asyncio.create_task(lab.run(on_clients(repeat({"f": "read"}))))
    while len(lab.ops) < 2:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lab.types() == ["invoke", "invoke", "info", "info"]
    assert all(pair.completion is not None for pair in History(lab.ops).pairs)


async def test_answer_that_came_before_the_stop_is_recorded_as_it_came() -> None:
    lab = Lab(ok, concurrency=1)
    interpreter = lab.interpreter()

    async def stopping(op: Op) -> Outcome:
        interpreter.stop()
        return Ok(7)

    lab.behaviour = stopping
    await interpreter.run(writes(1))
    assert (lab.ops[-1].type, lab.ops[-1].value) == ("ok", 7)


async def test_client_that_does_not_let_go_is_left_behind_and_its_late_answer_ignored() -> None:
    late = asyncio.Event()

    async def stubborn(op: Op) -> Outcome:
        while not late.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await late.wait()
        return Ok(99)

    lab = Lab(stubborn, concurrency=1)
    interpreter = lab.interpreter()
    asyncio.get_running_loop().call_later(0.01, interpreter.stop)
    await interpreter.run(writes(1))
    assert lab.types() == ["invoke", "info"]
    late.set()
    lab.behaviour = after(0.05, Ok(1))
    await interpreter.run(writes(2))
    assert [op.value for op in lab.ops if op.type == "ok"] == [1, 1]


async def test_what_came_back_is_recorded_before_what_is_given_up() -> None:
    lab = Lab(never, concurrency=2)
    interpreter = lab.interpreter()

    async def behaviour(op: Op) -> Outcome:
        if op.value == 0:
            await asyncio.Event().wait()
        interpreter.stop()
        return Ok()

    lab.behaviour = behaviour
    await interpreter.run(writes(2))
    assert [(op.type, op.value) for op in lab.ops[2:]] == [("ok", 1), ("info", 0)]
    assert all(a.time <= b.time for a, b in zip(lab.ops, lab.ops[1:], strict=False))


async def no_outcome(op: Op) -> Any:
    return True


async def no_json(op: Op) -> Any:
    return Ok(object())


def refusing(op: Op) -> None:
    if op.type == "ok":
        raise TypeError("not JSON")


async def test_client_that_answers_with_no_outcome_ends_the_run() -> None:
    with pytest.raises(IllBehaved, match="no outcome"):
        await Lab(no_outcome).run(writes(1))


async def test_value_that_cannot_be_written_down_ends_the_run() -> None:
    lab = Lab(no_json)
    interpreter = Interpreter(
        concurrency=1,
        connect=lambda process: FakeClient(lab, process),
        nemesis=never,
        record=refusing,
        random=Random(1),
        deadlines=Deadlines(),
    )
    with pytest.raises(IllBehaved, match="cannot be written down"):
        await interpreter.run(writes(1))


@pytest.mark.parametrize("process", [7, -3])
async def test_generator_that_names_a_process_that_is_not_free_ends_the_run(process: int) -> None:
    class Wild:
        def op(self, context: Context) -> Any:
            return Op(-1, context.time, process, "invoke", "read"), self

        def update(self, context: Context, event: Op) -> Any:
            return self

    with pytest.raises(IllBehaved, match="free are"):
        await Lab(ok).run(Wild())


async def test_exception_of_the_generator_ends_the_run_with_everything_completed() -> None:
    class Broken:
        def op(self, context: Context) -> Any:
            return lift({"f": "read"}).op(context)[0], self  # type: ignore[index]  # there are free threads

        def update(self, context: Context, event: Op) -> Any:
            if event.index == 2:
                raise ZeroDivisionError
            return self

    lab = Lab(after(0.01, Ok()), concurrency=3)
    with pytest.raises(ZeroDivisionError):
        await lab.run(on_clients(Broken()))
    assert all(pair.completion is not None for pair in History(lab.ops).pairs)


def test_an_hour_of_virtual_time_takes_no_time_and_is_the_same_twice() -> None:
    async def hour() -> list[Op]:
        lab = Lab(after(0.7, Ok(1)), concurrency=3)
        return await lab.run(on_clients(time_limit(3600, stagger(2, repeat({"f": "read"})))))

    first, second = in_virtual_time(hour()), in_virtual_time(hour())
    assert first == second
    assert len(first) > 3000
    assert first[-1].time > 3500e9
