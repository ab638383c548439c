"""Script: the operations of one trial, one after the other.

A step may be asked for again until its answer is what the script waits for. A command of which nobody knows
whether it took effect is never repeated: it may still take effect, and what follows would prove nothing. A
step that does not come to its end ends the trial, except for its last steps, which are always done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from checkers.history import Op, Process
from checkers.trials import LOOKS
from workloads.generator import PENDING, Answer, Context, Generator, Pending, lift

_SECOND_NS = 1_000_000_000


def is_ok(completion: Op) -> bool:
    """Whether it succeeded."""
    return completion.type == "ok"


def never(completion: Op) -> bool:  # noqa: ARG001 - the signature of Step.done
    """Ask as often as may be."""
    return False


def always(completion: Op) -> bool:  # noqa: ARG001 - the signature of Step.done
    """Whatever came of it."""
    return True


class Step(msgspec.Struct, frozen=True):
    """One operation, tried up to `attempts` times, `pause_s` apart, until `done` accepts its completion.

    `needed` says that without that the trial is pointless. `recalls` is (name, f, member): the value gets
    the member `name` from what the trial's last `f` answered.
    """

    f: str
    value: Mapping[str, Any]
    attempts: int = 1
    pause_s: float = 0.0
    done: Callable[[Op], bool] = is_ok
    needed: bool = True
    recalls: tuple[str, str, str] | None = None


def script(steps: Sequence[Step], last: int) -> Generator:
    """The trial; its `last` steps are done whatever became of those before."""
    return Script(tuple(steps), len(steps) - last)


class Script(msgspec.Struct, frozen=True):
    """`place` is the step that is due, `attempt` how often it was tried, `earliest` when it may be.

    `waiting` is the process whose answer is awaited; `heard` are the last good answers by `f`.
    """

    steps: tuple[Step, ...]
    tail: int
    place: int = 0
    attempt: int = 0
    earliest: int = 0
    waiting: Process | None = None
    heard: Mapping[str, Any] = {}

    def op(self, context: Context) -> Answer:
        """The step that is due, once the one before has ended."""
        if self.waiting is not None:
            return PENDING, self
        if self.place == len(self.steps):
            return None
        step = self.steps[self.place]
        if step.recalls is not None and step.recalls[1] not in self.heard:
            return self._beyond(step, context.time).op(context)
        answer = lift({"f": step.f, "value": self._value(step)}).op(context)
        if answer is None or isinstance(answer[0], Pending):
            return None if answer is None else (PENDING, self)
        op = answer[0]
        due = msgspec.structs.replace(op, time=max(op.time, self.earliest))
        return due, msgspec.structs.replace(self, waiting=op.process)

    def _value(self, step: Step) -> Mapping[str, Any]:
        if step.recalls is None:
            return step.value
        name, f, member = step.recalls
        return {**step.value, name: self.heard[f][member]}

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Go on, try again, or give up, as the awaited answer says."""
        if event.type == "invoke" or event.process != self.waiting:
            return self
        step, attempt = self.steps[self.place], self.attempt + 1
        is_done = step.done(event)
        heard = {**self.heard, step.f: event.value} if event.type == "ok" else self.heard
        earliest = event.time + round(step.pause_s * _SECOND_NS)
        if not is_done and attempt < step.attempts and (event.type != "info" or step.f in LOOKS):
            return msgspec.structs.replace(
                self, attempt=attempt, earliest=earliest, waiting=None, heard=heard
            )
        after = msgspec.structs.replace(self, heard=heard)
        return after._next(event.time) if is_done else after._beyond(step, event.time)

    def _beyond(self, step: Step, time: int) -> Script:
        """After a step that has not come to its end."""
        if step.needed and self.place < self.tail:
            return msgspec.structs.replace(self, place=self.tail - 1)._next(time)
        return self._next(time)

    def _next(self, time: int) -> Script:
        return Script(self.steps, self.tail, self.place + 1, 0, time, None, self.heard)
