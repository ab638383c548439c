"""An asyncio event loop in virtual time, in which everything happens in an order drawn from a seed.

Time is an integer number of nanoseconds that jumps to the next timer as soon as nobody is ready. Which of
the ready callbacks runs next is drawn from the seed, so that one seed is one interleaving and another seed
another. Equal seeds give equal runs, byte for byte, in any process and under any PYTHONHASHSEED:

* timers are ordered by (time, sequence number), never by the identity of an object;
* tasks and futures hash to sequence numbers, so that sets of them (TaskGroup, wait) iterate alike;
* `asyncio.as_completed`, which orders coroutines by address, is refused, and so are executors and threads.

Every callback belongs to the *owner* that its context variable names: the server whose code scheduled it,
or nobody (the harness). So a whole server can be killed, paused or slowed from outside, whatever its code
is doing.

Not here: sockets, signals, subprocesses. Code that asks for them is told so by NotImplementedError.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")
SECOND = 1_000_000_000
_LIVELOCK = 2_000_000
"""So many callbacks at one instant mean that time will never move again."""


_COLLECT_EVERY = 200_000
"""After so many more new objects garbage is collected: seldom, for hardly any of it is in cycles."""
_CROWD = 64
"""How many tasks an owner may have before those that are done are forgotten."""


class Deadlock(Exception):  # noqa: N818 - the word for it
    """Nobody is ready and no timer is set, but the run has not ended."""


class Livelock(Exception):  # noqa: N818 - the word for it
    """Callbacks make each other ready without end, and time stands still."""


class Owner:
    """Whose callbacks run: one life of one server.

    `dead` closes its doors for good; `paused` and `lag_ns` (the mean delay) are looked at before each of
    its callbacks; `delays` counts those that were delayed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.paused = False
        self.lag_ns = 0
        self.delays = 0
        self.held: list[_Callback] = []
        self._tasks: list[SimulatedTask] = []
        self._crowd = _CROWD
        self._context = copy_context()
        self._context.run(OWNER.set, self)

    @property
    def context(self) -> Context:
        """A new context whose callbacks are this owner's."""
        return self._context.copy()

    @property
    def tasks(self) -> list[SimulatedTask]:
        """Those that are not done, oldest first."""
        self._tasks = [task for task in self._tasks if not task.done()]
        return self._tasks

    def adopt(self, task: SimulatedTask) -> None:
        """A task was made in this owner's name."""
        self._tasks.append(task)
        if len(self._tasks) > self._crowd:
            self._crowd = max(_CROWD, 2 * len(self.tasks))

    def fence(self) -> None:
        """The doors call this first: a dead server touches nothing any more, also not in its `finally`."""
        if self.dead:
            raise asyncio.CancelledError("the server is dead")


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)


class SimulatedTask(asyncio.Task[Any]):
    """A task whose hash is a sequence number, given when it is first asked for."""

    _number = 0

    def __hash__(self) -> int:
        self._number = self._number or _next_number(self)
        return self._number


class SimulatedFuture(asyncio.Future[Any]):
    """A future whose hash is a sequence number, given when it is first asked for."""

    _number = 0

    def __hash__(self) -> int:
        self._number = self._number or _next_number(self)
        return self._number


def _next_number(future: asyncio.Future[Any]) -> int:
    loop = future.get_loop()
    assert isinstance(loop, SimulatedLoop)
    loop.numbers += 1
    return loop.numbers


class _Callback(asyncio.TimerHandle):
    """A scheduled callback. Leaner than asyncio's own, because there are hundreds of thousands a second."""

    __slots__ = ("is_late", "owner")

    def __init__(
        self, when: float, callback: Callable[..., object], args: Any, context: Context | None
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self.owner = self._context.get(OWNER)
        self.is_late = False

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = _nothing, ()


def _nothing() -> None: ...


class SimulatedLoop(asyncio.AbstractEventLoop):
    """The loop. `now_ns` is the true time of the simulated world; servers see it through their own clocks."""

    def __init__(self, random: Random) -> None:
        self.now_ns = 0
        self.callbacks_run = 0
        self.numbers = 0
        """How many tasks and futures have been asked for their hash."""
        self.nobody = Context()
        """A context without an owner, for what happens outside all servers."""
        self._random = random
        self._sequence = 0
        self._timers: list[tuple[int, int, _Callback]] = []
        self._ready: list[_Callback] = []
        self._failure: BaseException | None = None

    # What asyncio asks of a loop.

    def time(self) -> float:
        """Seconds since the world began."""
        return self.now_ns / SECOND

    def get_debug(self) -> bool:
        """No."""
        return False

    def is_running(self) -> bool:
        """It is asked from inside only."""
        return True

    def is_closed(self) -> bool:
        """There is nothing to close."""
        return False

    def call_soon(  # type: ignore[override] # typeshed's variadic form
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """At this instant, in an order drawn from the seed."""
        handle = _Callback(0.0, callback, args, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override] # typeshed's variadic form
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """At a time of this loop."""
        return self._at(_Callback(when, callback, args, context), round(when * SECOND))

    def call_later(  # type: ignore[override] # typeshed's variadic form
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """After so many seconds."""
        when_ns = self.now_ns + max(0, round(delay * SECOND))
        return self._at(_Callback(when_ns / SECOND, callback, args, context), when_ns)

    def create_future(self) -> asyncio.Future[Any]:
        """A future with a hash of its own."""
        return SimulatedFuture(loop=self)

    def create_task(  # type: ignore[override] # typeshed's generic form
        self, coro: Coroutine[Any, Any, T], *, context: Context | None = None, **keywords: Any
    ) -> asyncio.Task[T]:
        """A task of the owner that the context names."""
        task = SimulatedTask(coro, loop=self, context=context, **keywords)
        owner = OWNER.get() if context is None else context.get(OWNER)
        if owner is not None:
            owner.adopt(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An exception that nobody awaits is a defect: it ends the run."""
        # What has no exception says that the collector of garbage met a pending task; when it comes is no
        # part of the simulated world.
        self._failure = self._failure or context.get("exception")

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> NoReturn:  # type: ignore[override]
        """Refused."""
        raise NotImplementedError("the simulated world has no threads: go through a door of the world")

    async def shutdown_asyncgens(self) -> None:
        """Nothing is left to shut down when a simulated world ends."""

    # Running.

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run until `coroutine` is done; its result, its exception, or the first unheard exception of
        another."""
        with _running(self):
            task = self.create_task(coroutine)
            while not task.done() and self._failure is None:
                if not self._ready:
                    self._advance()
                self._run_ready(task)
            failure, self._failure = self._failure, None
            self._end(task)
        if failure is not None:
            raise failure
        return task.result()

    def _end(self, task: asyncio.Task[Any]) -> None:
        """Let what was cancelled come to its end; no time passes any more."""
        task.cancel()
        while self._ready:
            self._run_ready(None)

    def release(self, owner: Owner) -> None:
        """Let a paused owner go on: what became ready meanwhile is ready now."""
        owner.paused = False
        self._ready.extend(owner.held)
        owner.held.clear()

    def kill(self, owner: Owner) -> None:
        """End all that an owner does. Its doors are closed before its tasks are cancelled."""
        owner.dead = True
        self.release(owner)
        for task in owner.tasks:
            task.cancel()

    def _at(self, handle: _Callback, when_ns: int) -> _Callback:
        self._sequence += 1
        heapq.heappush(self._timers, (when_ns, self._sequence, handle))
        return handle

    def _run_ready(self, task: asyncio.Task[Any] | None) -> None:
        """Run what is ready now, until nothing is, or `task` is done."""
        ready, random = self._ready, self._random.random
        for _ in range(_LIVELOCK):
            count = len(ready)
            if count > 1:
                drawn = int(random() * count)
                ready[drawn], ready[-1] = ready[-1], ready[drawn]
            elif not count:
                return
            handle = ready.pop()
            if handle._cancelled or (handle.owner is not None and not self._may_run(handle, handle.owner)):
                continue
            self.callbacks_run += 1
            try:
                handle._context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a callback raises, nobody awaits it
                self._failure = self._failure or error
            if task is not None and (task.done() or self._failure is not None):
                return
        raise Livelock(f"{_LIVELOCK} callbacks at {self.time():.9f} s; one of the last is {handle!r}")

    def _may_run(self, handle: _Callback, owner: Owner) -> bool:
        if owner.paused:
            owner.held.append(handle)
            return False
        if owner.lag_ns and not handle.is_late and not owner.dead:
            handle.is_late = True
            owner.delays += 1
            self._at(handle, self.now_ns + int(self._random.random() * 2 * owner.lag_ns))
            return False
        return True

    def _advance(self) -> None:
        """Jump to the next timer and make everything that is due then ready."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise Deadlock(f"nothing is scheduled any more at {self.time():.9f} s")
        self.now_ns = max(self.now_ns, timers[0][0])
        while timers and timers[0][0] <= self.now_ns:
            self._ready.append(heapq.heappop(timers)[2])


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise NotImplementedError(
        "asyncio.as_completed orders by address and is refused in simulation: use gather"
    )


@contextmanager
def _running(loop: SimulatedLoop) -> Iterator[None]:
    original, thresholds = asyncio.as_completed, gc.get_threshold()
    asyncio.events._set_running_loop(loop)
    asyncio.as_completed = _refuse
    gc.set_threshold(_COLLECT_EVERY, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        asyncio.as_completed = original
        asyncio.events._set_running_loop(None)
