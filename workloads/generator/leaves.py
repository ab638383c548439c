"""What generators are made of: `lift` turns plain Python values into them.

- None never asks for anything.
- A mapping or an Op asks for exactly one operation. What it leaves out is filled in: any free process, now.
  An Op with process -1 leaves the process out.
- An iterable asks for everything its first element asks for, then its second, and so on. It may be endless,
  and it is consumed once only however often the generator is asked, so `count()` gives unique values.
- A callable, of no argument or of the context, is called at each asking and its result lifted; it ends the
  generator by returning None. It is also called for answers that are not taken: a callable that counts would
  leave gaps, an iterable does not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from checkers.history import Op, Process
from workloads.generator.context import Context, Thread
from workloads.generator.protocol import PENDING, Answer, Generator

Source = Generator | Op | Mapping[str, Any] | Callable[..., Any] | Iterable[Any] | None
"""Whatever `lift` understands."""

_FIELDS = frozenset({"f", "value", "key", "node", "process"})


def lift(source: Source) -> Generator:
    """The generator that `source` stands for; raises TypeError or ValueError if it stands for none."""
    if source is None:
        return NOTHING
    if isinstance(source, Op):
        return Template(source)
    if isinstance(source, Mapping):
        return Template(_template(source))
    if isinstance(source, Generator):
        return source
    if callable(source):
        return Call(source, takes_context=bool(inspect.signature(source).parameters))
    if isinstance(source, Iterable) and not isinstance(source, str | bytes):
        return Series(NOTHING, Stream(iter(source)))
    raise TypeError(
        f"{source!r} is no generator: give a mapping, an Op, a callable, an iterable or a generator"
    )


def _template(fields: Mapping[str, Any]) -> Op:
    unknown = set(fields) - _FIELDS
    if unknown or "f" not in fields:
        raise ValueError(
            f"{dict(fields)!r} is no operation: it needs 'f' and may have {sorted(_FIELDS - {'f'})}"
        )
    return Op(index=-1, time=0, process=fields.get("process", -1), type="invoke", **_without_process(fields))


def _without_process(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "process"}


class Nothing(msgspec.Struct, frozen=True):
    """Exhausted from the beginning."""

    def op(self, context: Context) -> Answer:  # noqa: ARG002 - the protocol's signature
        """Nothing."""
        return None

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Still nothing."""
        return self


NOTHING = Nothing()


class Template(msgspec.Struct, frozen=True):
    """One operation, once."""

    template: Op

    def op(self, context: Context) -> Answer:
        """The operation for its own process if that is free, else for any that is."""
        if not context.processes or self._retired(context):
            return None  # nobody will ever be free for it
        thread = self._thread(context)
        if thread is None:
            return PENDING, self
        process: Process = context.processes[thread]
        time = max(self.template.time, context.time)
        return msgspec.structs.replace(self.template, index=-1, time=time, process=process), NOTHING

    def _retired(self, context: Context) -> bool:
        return self.template.process != -1 and context.thread_of(self.template.process) is None

    def _thread(self, context: Context) -> Thread | None:
        if self.template.process == -1:
            return context.random.choice(context.free) if context.free else None
        thread = context.thread_of(self.template.process)
        return thread if thread in context.free else None

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Unmoved."""
        return self


class Call(msgspec.Struct, frozen=True):
    """Whatever a function returns, asked anew each time."""

    function: Callable[..., Any]
    takes_context: bool

    def op(self, context: Context) -> Answer:
        """The first operation of what the function returns now, then the rest of that, then a new call."""
        answer = lift(self.function(context) if self.takes_context else self.function()).op(context)
        if answer is None:
            return None
        op, rest = answer
        return op, (self if rest is NOTHING else Series(rest, Stream(iter((self,)))))

    def update(self, context: Context, event: Op) -> Generator:  # noqa: ARG002 - the protocol's signature
        """Unmoved."""
        return self


class Stream:
    """An iterator as an immutable list: each element is drawn once, when first wanted, and remembered."""

    __slots__ = ("_head", "_iterator", "_tail")

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator: Iterator[Any] | None = iterator
        self._head: Any = None
        self._tail: Stream | None = None

    def pull(self) -> tuple[Any, Stream] | None:
        """The first element and the stream after it, or None at the end."""
        if self._iterator is not None:
            iterator, self._iterator = self._iterator, None
            for self._head in iterator:
                self._tail = Stream(iterator)
                break
        return None if self._tail is None else (self._head, self._tail)


class Series(msgspec.Struct, frozen=True):
    """One generator after the other."""

    head: Generator
    rest: Stream

    def op(self, context: Context) -> Answer:
        """The next operation of the first part that is not exhausted."""
        head, rest = self.head, self.rest
        while (answer := head.op(context)) is None:
            pulled = rest.pull()
            if pulled is None:
                return None
            head, rest = lift(cast(Source, pulled[0])), pulled[1]
        op, successor = answer
        return op, Series(successor, rest)

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the part that is under way."""
        return Series(self.head.update(context, event), self.rest)
