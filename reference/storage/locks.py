"""Locks on whole collections: writers share, an exclusive one is alone among writers, readers need none.

First come, first served, so an exclusive request is not starved. Transactions ask for their collections
in the order of ids, so they cannot wait for each other in a circle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from reference.errors import ArangoError
from reference.world import Clock

if TYPE_CHECKING:
    from reference.storage.transaction import Transaction


class CollectionLock:
    """The lock of one collection."""

    __slots__ = ("_exclusive", "_queue", "_writers")

    def __init__(self) -> None:
        self._writers: dict[Transaction, None] = {}
        self._exclusive: Transaction | None = None
        self._queue: deque[tuple[Transaction, bool, asyncio.Future[None]]] = deque()

    def try_acquire(self, holder: Transaction, *, exclusive: bool) -> bool:
        """Take the lock if that needs no waiting."""
        if self._queue or not self._is_free(exclusive=exclusive):
            return False
        self._grant(holder, exclusive=exclusive)
        return True

    async def acquire(self, holder: Transaction, *, exclusive: bool, clock: Clock, timeout_s: float) -> None:
        """Take the lock; raises ArangoError 18 after `timeout_s`."""
        if self.try_acquire(holder, exclusive=exclusive):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (holder, exclusive, future)
        self._queue.append(entry)
        try:
            await wait_within(future, clock, timeout_s)
        except BaseException as error:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release(holder)
            elif entry in self._queue:
                self._queue.remove(entry)
            self._serve()
            if isinstance(error, TimeoutError):
                raise ArangoError(18, "timeout waiting to lock the collection") from error
            raise

    def release(self, holder: Transaction) -> None:
        """Let go."""
        if self._exclusive is holder:
            self._exclusive = None
        self._writers.pop(holder, None)
        if self._queue:
            self._serve()

    def _is_free(self, *, exclusive: bool) -> bool:
        return self._exclusive is None and not (exclusive and self._writers)

    def _grant(self, holder: Transaction, *, exclusive: bool) -> None:
        if exclusive:
            self._exclusive = holder
        else:
            self._writers[holder] = None

    def _serve(self) -> None:
        while self._queue and self._is_free(exclusive=self._queue[0][1]):
            holder, exclusive, future = self._queue.popleft()
            if not future.done():
                self._grant(holder, exclusive=exclusive)
                future.set_result(None)


async def wait_within(future: asyncio.Future[None], clock: Clock, timeout_s: float) -> None:
    """Await `future` for at most `timeout_s` of the server's clock.

    Raises TimeoutError and leaves it failed.
    """

    async def expire() -> None:
        await clock.sleep(timeout_s)
        if not future.done():
            future.set_exception(TimeoutError())

    timer = asyncio.get_running_loop().create_task(expire())
    try:
        await future
    finally:
        timer.cancel()
