"""Pool: the processes in which lives are lived.

Everything that needs one takes a `concurrent.futures.Executor`, so that a test can do the work on the spot,
and so that another pool than the standard library's is a change here alone. Workers are spawned, not forked:
they inherit nothing that could differ from run to run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
LIFE_CPU_S = 120.0
"""What one errand may take of a processor; a life that takes so much has come to a standstill."""


class Standstill(Exception):  # noqa: N818 - the word for it
    """Virtual time does not come on."""


class Here(Executor):
    """Does everything at once, in this process."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Do it now; the future is done when this returns."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is handed to whoever asks for the result
            future.set_exception(error)
        return future


class Spawned(ProcessPoolExecutor):
    """Processes with one given PYTHONHASHSEED, or each with its own."""

    def __init__(self, jobs: int, hash_seed: int | None = None) -> None:
        super().__init__(jobs, multiprocessing.get_context("spawn"), initializer=_prepare)
        self._hash_seed = "random" if hash_seed is None else str(hash_seed)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Hand it to a process, which may be started for it."""
        with _variable("PYTHONHASHSEED", self._hash_seed):
            return super().submit(fn, *args, **kwargs)

    def abort(self) -> None:
        """Kill the workers, whatever they do."""
        for process in list((self._processes or {}).values()):
            process.kill()


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    earlier = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if earlier is None:
            del os.environ[name]
        else:
            os.environ[name] = earlier


def _prepare() -> None:
    """Ctrl-C is for the parent, which lets workers end what they do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def within(cpu_s: float) -> Iterator[None]:
    """Raise Standstill in the block if it takes longer, in seconds of this process's processor time."""

    def stop(_number: int, _frame: object) -> None:
        raise Standstill(f"not done in {cpu_s:g} s of processor time")

    earlier = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, earlier)
