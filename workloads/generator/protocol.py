"""Generator: the protocol, and what it may answer.

*Asking.* `op(context)` answers one of three things:

- an operation and the generator to ask next time. The operation is a template: `index` is -1, `type` is
  "invoke", `process` is a free process of the context, and `time` is the earliest moment (ns) at which it may
  begin. If that moment is still to come the asker does **not** take the operation yet: it waits, takes it if
  nothing happens before, and asks the *old* generator again as soon as something does.
- `PENDING` and the generator to ask next time: nothing for the threads that are free now. The asker waits for
  an event, or a moment, and asks again.
- None: exhausted, now and for ever.

*Telling.* `update(context, event)` is called for every invocation and every completion of every process, and
answers the generator to use from then on. The context is that just after the event: the thread of a
completed operation is free again, and still acts as the process that completed, also if that was `info`. Only
then does the thread become its next process.

Generators are values: asking twice with equal contexts and equal random states gives equal answers, and a
generator that was not taken leaves no trace.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol, runtime_checkable

from checkers.history import Op
from workloads.generator.context import Context


class Pending(Enum):
    """The answer "nothing now, ask again later"; `PENDING` is its one value."""

    PENDING = "pending"


PENDING: Final = Pending.PENDING


@runtime_checkable
class Generator(Protocol):
    """Says which operation is asked for next. Immutable."""

    def op(self, context: Context) -> tuple[Op | Pending, Generator] | None:
        """The next operation, or PENDING, with the successor; or None if there will never be another."""
        ...

    def update(self, context: Context, event: Op) -> Generator:
        """The generator after `event`, an invocation or a completion of any process."""
        ...


Answer = tuple[Op | Pending, Generator] | None
"""What `Generator.op` answers."""
