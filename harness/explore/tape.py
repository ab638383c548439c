"""Tape: the choices of a run, given instead of drawn.

A seed names a run only as long as nothing draws differently: one line of code changed, and it is another run.
A tape has what was chosen: every client operation with its moment, its thread and its arguments; every fault
with its span and what it did to whom. Only what lies below is drawn still, from the same seed: delays on the
way, what a power loss leaves, the order of what is ready at once. So a failure survives small changes of the
code, and steps can be taken away.

Played again, a tape gives nearly the same run, not the same to the byte: the phases after the faults
(healing, convergence, final reads) are the workloads' own, and begin as soon as the last step is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from checkers.history import NEMESIS, History, Op, Process
from harness.explore.conditions import cast_in
from harness.explore.swarm import Swarm
from harness.nemesis import Package
from harness.plan import Plan
from harness.run import Cast
from workloads.generator import PENDING, Answer, Context, Generator, Thread, lift

FILE = "tape.json"


class TapeError(ValueError):
    """There is no usable tape. The message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a client, not before `time_ns`. `thread` counts within the workload's own threads."""

    workload: str
    thread: int
    time_ns: int
    f: str
    value: Any = None
    key: int | str | None = None

    def __str__(self) -> str:
        """One line for people."""
        key = "" if self.key is None else f" of {self.key}"
        value = "" if self.value is None else f" {msgspec.json.encode(self.value).decode()}"
        return f"{self.time_ns / 1e9:.3f} s {self.workload} thread {self.thread}: {self.f}{value}{key}"


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault; `value` is what was done. Without an end it is healed after the steps, with all else."""

    family: str
    start_ns: int
    end_ns: int | None
    value: Any = None

    def __str__(self) -> str:
        """One line for people."""
        end = "the end" if self.end_ns is None else f"{self.end_ns / 1e9:.3f} s"
        return (
            f"{self.start_ns / 1e9:.3f} s to {end} {self.family} {msgspec.json.encode(self.value).decode()}"
        )


@dataclass(frozen=True, slots=True)
class Tape:
    """A run's choices, in the order of their moments. `defect` was planted in the reference, or None."""

    swarm: Swarm
    steps: tuple[Step, ...]
    faults: tuple[Injection, ...]
    defect: str | None = None
    schema: int = 1


def record(swarm: Swarm, history: History, safety_end_ns: int, defect: str | None = None) -> Tape:
    """The tape of a run that is over, from its history up to the end of its safety phase."""
    before = [op for op in history if op.time <= safety_end_ns]
    return Tape(swarm, tuple(_steps(swarm.plan, before)), tuple(_faults(before)), defect)


def _steps(plan: Plan, ops: Iterable[Op]) -> Iterable[Step]:
    """Moments that were equal are made a nanosecond apart, so that their order is kept too."""
    owners = [(name, place) for name, share in plan.shares.items() for place in range(share)]
    earliest_ns = 0
    for op in ops:
        if op.process != NEMESIS and op.type == "invoke":
            assert isinstance(op.process, int)
            workload, place = owners[op.process % plan.concurrency]
            at_ns = max(op.time, earliest_ns)
            earliest_ns = at_ns + 1
            yield Step(workload, place, at_ns, op.f.rpartition(":")[2], op.value, op.key)


def _faults(ops: Iterable[Op]) -> Iterable[Injection]:
    """A nemesis does one thing at a time, so its completions follow its invocations."""
    open_: dict[str, Injection] = {}
    begun_ns = 0
    for op in ops:
        if op.process != NEMESIS:
            continue
        verb, _, family = op.f.partition("-")
        if op.type == "invoke":
            begun_ns = op.time
        elif verb == "start":
            open_[family] = Injection(family, begun_ns, None, op.value)
        elif family in open_:
            yield replace(open_.pop(family), end_ns=begun_ns)
    yield from open_.values()


def play(tape: Tape, *, keep_trace: bool = False) -> tuple[Plan, Cast]:
    """The parts of a run that does what the tape says. ValueError if a part does not exist any more."""
    plan = tape.swarm.plan
    parts = cast_in(tape.swarm.conditions, plan, keep_trace=keep_trace)
    return plan, replace(parts, workloads=_workloads(tape, parts), packages=_packages(tape, parts))


def _workloads(tape: Tape, parts: Cast) -> Mapping[str, Any]:
    return {
        name: replace(workload, generator=script([s for s in tape.steps if s.workload == name]))
        for name, workload in parts.workloads.items()
    }


def _packages(tape: Tape, parts: Cast) -> tuple[Package, ...]:
    """The first nemesis's generator asks for all faults; the others', exhausted, are passed over."""
    if not parts.packages:
        return ()
    schedule: Generator = Injections(tuple(_moments(tape.faults)))
    return tuple(
        replace(package, generator=schedule if place == 0 else lift(None))
        for place, package in enumerate(parts.packages)
    )


def script(steps: Iterable[Step]) -> Generator:
    """The steps as a generator of their workload, thread by thread."""
    queues: dict[int, list[Step]] = {}
    for step in steps:
        queues.setdefault(step.thread, []).append(step)
    return Script(tuple(tuple(queues.get(thread, ())) for thread in range(max(queues, default=-1) + 1)))


@dataclass(frozen=True, slots=True)
class Script:
    """What each thread has still to do, each step at its moment or as soon after as the thread is free."""

    queues: tuple[tuple[Step, ...], ...]

    def op(self, context: Context) -> Answer:
        """The next step of a free thread, the earliest first."""
        threads = [thread for thread in context.processes if thread != NEMESIS]
        ready = [
            (queue[0].time_ns, place)
            for place, queue in enumerate(self.queues)
            if queue and place < len(threads) and threads[place] in context.free
        ]
        if not ready:
            return (PENDING, self) if self._waits(threads) else None
        _, place = min(ready)
        step = self.queues[place][0]
        process: Process = context.processes[threads[place]]
        op = Op(-1, max(step.time_ns, context.time), process, "invoke", step.f, step.value, step.key)
        rest = (*self.queues[:place], self.queues[place][1:], *self.queues[place + 1 :])
        return op, Script(rest)

    def _waits(self, threads: Sequence[Thread]) -> bool:
        return any(queue for queue in self.queues[: len(threads)])

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Unmoved."""
        return self


def _moments(faults: Iterable[Injection]) -> Iterable[Op]:
    for fault in sorted(faults, key=lambda fault: fault.start_ns):
        yield Op(-1, fault.start_ns, NEMESIS, "invoke", f"start-{fault.family}", fault.value)
        if fault.end_ns is not None:
            yield Op(-1, fault.end_ns, NEMESIS, "invoke", f"stop-{fault.family}")


@dataclass(frozen=True, slots=True)
class Injections:
    """The nemesis's operations that are still to come."""

    left: tuple[Op, ...]

    def op(self, context: Context) -> Answer:
        """The next one, at its moment."""
        if not self.left:
            return None
        if NEMESIS not in context.free:
            return PENDING, self
        following = self.left[0]
        at_ns = max(following.time, context.time)
        return msgspec.structs.replace(following, time=at_ns), Injections(self.left[1:])

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Unmoved."""
        return self


def as_json(tape: Tape) -> str:
    """The content of a tape's file: one step a line, so that two tapes can be compared."""
    lines = [f'"swarm": {_line(tape.swarm)}', f'"defect": {_line(tape.defect)}', f'"schema": {tape.schema}']
    for name, things in (("faults", tape.faults), ("steps", tape.steps)):
        lines.append(f'"{name}": [\n' + ",\n".join(f"  {_line(thing)}" for thing in things) + "\n ]")
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def _line(thing: Any) -> str:
    return msgspec.json.encode(thing).decode()


def read(path: Path) -> Tape:
    """The tape in a file, or in a folder that has one. Raises TapeError."""
    file = path / FILE if path.is_dir() else path
    try:
        tape = msgspec.json.decode(file.read_bytes(), type=Tape)
    except FileNotFoundError:
        raise TapeError(
            f"There is no {file}: only `pestle explore`, `replay` and `shrink` keep tapes."
        ) from None
    except (msgspec.DecodeError, OSError) as error:
        raise TapeError(f"{file} is no tape: {error}") from error
    if tape.schema != 1:
        raise TapeError(f"{file} has schema {tape.schema}, but this version reads 1 only.")
    return tape
