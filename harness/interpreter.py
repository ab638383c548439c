"""The interpreter: asks a generator what comes next, lets processes do it, and records what they were told.

One coroutine owns the schedule. It alone asks and tells the generator, and it alone records, invocations and
completions alike, so the order of the record is one that real time allows:

- an invocation is recorded before its client is called, a completion after its client returned, so that the
  interval in the history contains the interval in which the operation can have taken effect;
- completions that are there are recorded before anything new is invoked, so that operations do not look
  concurrent which were not;
- every wait has a deadline; an operation that reaches it is `info`;
- a thread whose operation ended in `info` goes on as another process with a new client: the old one may still
  act, so nobody may ever speak in its name again. Thread t of n acts as process t, t + n, t + 2n, ...

Time is the running loop's. There is no thread, no wall clock and no random source of its own in here, so a
loop with virtual time makes the run of a simulated world out of the same lines.

Not here: which generators and clients (`harness.run`), where the record goes (`harness.store`).
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import msgspec

from checkers.history import NEMESIS, Op, OpType, Process
from workloads.generator.context import Context, Thread, View
from workloads.generator.protocol import PENDING, Generator
from workloads.protocol.outcome import Fail, Info, Ok, Outcome, RequestError

_POLL_S = 0.01
"""How long a generator that has nothing for anybody is left alone before it is asked again."""
_CANCELLATION_S = 2.0
"""How long an abandoned client may take to let go."""


class IllBehaved(Exception):  # noqa: N818 - says what the part is
    """A generator or client broke its contract: a fault of the harness's parts, so no verdict may follow."""


class ProcessClient(Protocol):
    """Acts for one process until that is retired."""

    async def invoke(self, op: Op) -> Outcome:
        """Do `op` once."""
        ...

    async def close(self) -> None:
        """Drop every connection, at once."""
        ...


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long one operation of a client, and one of the nemesis, may take."""

    client_s: float = 5.0
    nemesis_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Completion:
    outcome: Outcome
    time_ns: int


@dataclass(slots=True)
class _Worker:
    """A thread: who it acts as now, and through which client (None: not connected yet)."""

    thread: Thread
    process: Process
    client: ProcessClient | None = None
    invocation: Op | None = None
    task: asyncio.Task[None] | None = None
    completion: _Completion | None = None


class Interpreter:
    """Runs generators one after the other over the same threads, processes and record.

    `connect` makes the client of a process, without any waiting. `nemesis` does what an operation of thread
    "nemesis" asks and returns the value to record. `record` is called with every operation before anything
    else happens; what it raises ends the run. Time 0 of the record is the moment of construction.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        connect: Callable[[int], ProcessClient],
        nemesis: Callable[[Op], Awaitable[Any]],
        record: Callable[[Op], None],
        random: Random,
        deadlines: Deadlines,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoch = self._loop.time()
        self._concurrency = concurrency
        self._connect = connect
        self._nemesis = nemesis
        self._record = record
        self._random = random
        self._deadlines = deadlines
        self._workers: dict[Thread, _Worker] = {t: _Worker(t, t) for t in range(concurrency)}
        self._workers[NEMESIS] = _Worker(NEMESIS, NEMESIS)
        self._idle: list[int] = list(range(concurrency))
        self._free: tuple[Thread, ...] = (*self._idle, NEMESIS)
        self._processes: dict[Thread, Process] = {t: w.process for t, w in self._workers.items()}
        self._view = View.of(self._processes)
        self._threads: dict[Process, Thread] = {p: t for t, p in self._processes.items()}
        self._finished: deque[_Worker] = deque()
        self._waker: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._stopped = False
        self._index = 0

    def now_ns(self) -> int:
        """Nanoseconds since the record began."""
        return round((self._loop.time() - self._epoch) * 1e9)

    def stop(self) -> None:
        """Invoke nothing more: `run` abandons what is in flight, as `info`, and returns."""
        self._stopped = True
        self._wake()

    async def run(self, generator: Generator) -> bool:
        """Do all that `generator` asks for. True if it came to its end, False if it was stopped before.

        However this ends, also by cancellation, every invocation has its completion in the record after it.
        """
        self._stopped = False
        try:
            await self._schedule(generator)
        finally:
            self._set_alarm(None)
            await self._abandon()
        return not self._stopped

    async def close(self) -> None:
        """Close every client."""
        for worker in self._workers.values():
            await self._disconnect(worker)

    async def _schedule(self, generator: Generator) -> None:
        follows = False  # another operation, without a wait between them
        while not self._stopped:
            generator = self._complete(generator)
            answer = generator.op(self._context())
            if answer is None:
                if len(self._free) == len(self._workers):
                    return
                await self._rest(None)
            elif (op := answer[0]) is PENDING:
                generator = answer[1]
                await self._rest(self._loop.time() + _POLL_S)
            elif await self._undisturbed_until(op.time, follows=follows):
                generator, follows = self._invoke(op, answer[1]), True
                continue
            follows = False

    async def _undisturbed_until(self, time_ns: int, *, follows: bool) -> bool:
        """Wait for the moment of an operation; False if something happens before, which may change it.

        If it `follows` another at once, wait for one turn of the loop: that one leaves then, and answers that
        are there are seen.
        """
        if self.now_ns() >= time_ns:
            if follows:
                await asyncio.sleep(0)
            return not (self._finished or self._stopped)
        moment = self._epoch + time_ns / 1e9
        while self.now_ns() < time_ns:
            await self._rest(moment)
            if self._finished or self._stopped:
                return False
        return True

    async def _rest(self, moment: float | None) -> None:
        """Wait until something completes or is stopped, at most until a moment of the loop's time."""
        if self._finished or self._stopped:
            return
        self._waker = self._loop.create_future()
        self._set_alarm(moment)
        try:
            await self._waker
        finally:
            self._waker = None

    def _set_alarm(self, moment: float | None) -> None:
        """Be woken then, and at no other time; mostly it is the moment that is set already."""
        if self._alarm is not None:
            if self._alarm.when() == moment:
                return
            self._alarm.cancel()
        self._alarm = None if moment is None else self._loop.call_at(moment, self._wake)

    def _wake(self) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    def _context(self) -> Context:
        return Context(self.now_ns(), self._free, self._processes, self._random, self._view)

    def _write(self, op: Op) -> Op:
        try:
            self._record(op)
        except TypeError as error:
            raise IllBehaved(f"the value of {op!r} cannot be written down: {error}") from error
        self._index += 1
        return op

    # Beginning an operation.

    def _invoke(self, op: Op, successor: Generator) -> Generator:
        thread = self._threads.get(op.process)
        if thread is None or thread not in self._free or op.type != "invoke":
            raise IllBehaved(f"the generator asked for {op!r}, but free are {self._free}")
        worker = self._workers[thread]
        invocation = msgspec.structs.replace(op, index=self._index, time=self.now_ns())
        worker.invocation = self._write(invocation)
        self._occupy(thread)
        worker.task = self._loop.create_task(self._act(worker, invocation))
        return successor.update(self._context(), invocation)

    def _occupy(self, thread: Thread) -> None:
        if isinstance(thread, int):
            self._idle.remove(thread)
        self._note_free()

    async def _act(self, worker: _Worker, invocation: Op) -> None:
        """Do the operation. Raises only what is nobody's outcome: a broken contract."""
        act = self._break(invocation) if worker.thread == NEMESIS else self._ask(worker, invocation)
        try:
            outcome = await act
            if isinstance(outcome, Info) and worker.invocation is invocation:
                await self._disconnect(worker)
            # From here to its record nothing waits, so that no later moment is recorded before this one.
            if worker.invocation is invocation:
                worker.completion = _Completion(outcome, self.now_ns())
        finally:
            if worker.invocation is invocation:  # else it was abandoned long ago
                self._finished.append(worker)
                self._wake()

    async def _disconnect(self, worker: _Worker) -> None:
        client, worker.client = worker.client, None
        if client is not None:
            await client.close()

    async def _ask(self, worker: _Worker, invocation: Op) -> Outcome:
        if worker.client is None:
            assert isinstance(worker.process, int)
            worker.client = self._connect(worker.process)
        try:
            async with asyncio.timeout(self._deadlines.client_s):
                outcome = await worker.client.invoke(invocation)
        except TimeoutError:
            return Info(f"no answer within {self._deadlines.client_s:g} s")
        except RequestError as error:
            return error.outcome
        except IllBehaved:
            raise
        except Exception as error:  # noqa: BLE001 - whatever escapes a client, nobody knows what it did before
            return Info(f"{type(error).__name__}: {error}")
        if not isinstance(outcome, Ok | Fail | Info):
            raise IllBehaved(f"the client answered {invocation!r} with {outcome!r}, which is no outcome")
        return outcome

    async def _break(self, invocation: Op) -> Outcome:
        """The nemesis's part. Its completion is `info` whatever happens; an error is written beside it."""
        try:
            async with asyncio.timeout(self._deadlines.nemesis_s):
                return Ok(await self._nemesis(invocation))
        except TimeoutError:
            return Info(f"not done within {self._deadlines.nemesis_s:g} s")
        except IllBehaved:
            raise
        except Exception as error:  # noqa: BLE001 - a fault that could not be made is evidence, not a crash
            return Info(f"{type(error).__name__}: {error}")

    # Ending an operation.

    def _complete(self, generator: Generator) -> Generator:
        """Record everything that has come back, in the order in which it came, and tell the generator."""
        while self._finished:
            worker = self._finished.popleft()
            assert worker.task is not None
            assert worker.invocation is not None
            if worker.task.cancelled():
                raise IllBehaved(f"the client of {worker.invocation!r} cancelled itself")
            if worker.completion is None:
                worker.task.result()  # raises what ended it
            assert worker.completion is not None
            event = self._write(self._completion(worker.invocation, worker.completion))
            self._release(worker)
            generator = generator.update(self._context(), event)
            if event.type == "info":
                self._retire(worker)
        return generator

    def _completion(self, invocation: Op, done: _Completion) -> Op:
        outcome = done.outcome
        value, error, kind = invocation.value, None, _TYPES[type(outcome)]
        if isinstance(outcome, Ok):
            value = invocation.value if outcome.value is None else outcome.value
            node = outcome.node
        else:
            error, node = outcome.error, outcome.node
        if invocation.process == NEMESIS:
            kind = "info"
        return msgspec.structs.replace(
            invocation,
            index=self._index,
            time=done.time_ns,
            type=kind,
            value=value,
            error=error,
            node=node if node is not None else invocation.node,
        )

    def _release(self, worker: _Worker) -> None:
        worker.task = worker.invocation = worker.completion = None
        if isinstance(worker.thread, int):
            insort(self._idle, worker.thread)
        self._note_free()

    def _note_free(self) -> None:
        nemesis_is_free = self._workers[NEMESIS].invocation is None
        self._free = (*self._idle, NEMESIS) if nemesis_is_free else tuple(self._idle)

    def _retire(self, worker: _Worker) -> None:
        """Let the thread go on as its next process. The nemesis is never retired."""
        if not isinstance(worker.process, int):
            return
        del self._threads[worker.process]
        worker.process += self._concurrency
        self._threads[worker.process] = worker.thread
        self._processes = {**self._processes, worker.thread: worker.process}
        self._view = View.of(self._processes)

    async def _abandon(self) -> None:
        """Give up what is in flight. What came back meanwhile is recorded as it came, the rest as `info`."""
        tasks = [w.task for w in self._workers.values() if w.task is not None and not w.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCELLATION_S)
        came_back = [worker for worker in self._finished if worker.completion is not None]
        self._finished.clear()
        given_up = [w for w in self._workers.values() if w.task is not None and w.completion is None]
        for worker in (*came_back, *given_up):
            assert worker.invocation is not None
            done = worker.completion or _Completion(_ABANDONED, self.now_ns())
            event = self._write(self._completion(worker.invocation, done))
            self._release(worker)
            if event.type == "info":
                await self._disconnect(worker)
                self._retire(worker)


_TYPES: dict[type[Outcome], OpType] = {Ok: "ok", Fail: "fail", Info: "info"}
_ABANDONED = Info("abandoned: the run was stopped")
