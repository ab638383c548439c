"""Worker: one thread and one connection per host, so that a slow or dead host delays nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from harness.environment import HostError
from harness.environments.inventory import Host
from harness.environments.remote import Remote

_T = TypeVar("_T")


class Worker:
    """Does what is asked of one host, one thing after the other."""

    def __init__(self, host: Host) -> None:
        self._remote = Remote(host)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"ssh-{host.name}")

    async def call(self, verb: str, *words: str, timeout_s: float = 20.0) -> str:
        """Run a verb of `node.sh`; see `Remote.call`."""
        return await self._do(lambda: self._remote.call(verb, *words, timeout_s=timeout_s))

    async def upload(self, content: bytes, path: str) -> None:
        """Write a file on the host."""
        await self._do(lambda: self._remote.upload(content, path))

    async def download(self, path: str, destination: Path) -> None:
        """Fetch a file of the host."""
        await self._do(lambda: self._remote.download(path, destination))

    async def disconnect(self) -> None:
        """Drop the connection; the next call opens another."""
        await self._do(self._remote.close)

    def end(self) -> None:
        """Let the thread end when it has done what was asked of it."""
        self._thread.submit(self._remote.close)
        self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def on_all(work: Mapping[str, Awaitable[_T]]) -> dict[str, _T]:
    """Await the same for several nodes at once. All are awaited to their end; then all failures are one
    HostError.
    """
    outcomes = await asyncio.gather(*work.values(), return_exceptions=True)
    results: dict[str, _T] = {}
    failures: list[str] = []
    for node, outcome in zip(work, outcomes, strict=True):
        if isinstance(outcome, HostError):
            failures.append(str(outcome))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            results[node] = outcome
    if failures:
        raise HostError("; ".join(failures))
    return results
