"""Load: many connections in a closed loop, each sending its next request when the last was answered.

Written against bytes, not against a client: what is measured must not be ours. An answer other than the
expected one ends the measurement, because the speed of errors is of no interest.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import httptools


class BenchError(Exception):
    """A figure could not be measured. The message says why and what to do."""


class Replies(Protocol):
    """Cuts a connection's bytes into answers."""

    def feed(self, data: bytes) -> int:
        """How many whole answers these bytes complete; raises BenchError for one that is not as expected."""
        ...


class HttpReplies:
    """Answers of HTTP/1.1 with one of the expected statuses."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = statuses
        self._complete = 0
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> int:
        """See Replies."""
        self._complete = 0
        self._parser.feed_data(data)
        return self._complete

    def on_message_begin(self) -> None:
        """httptools: an answer begins."""
        self._body = b""

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """httptools: an answer is whole."""
        status = self._parser.get_status_code()
        if status not in self._statuses:
            raise BenchError(f"the server answered {status}: {self._body[:200].decode(errors='replace')}")
        self._complete += 1


class RespReplies:
    """Answers of Redis: a status line or one bulk string."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> int:
        """See Replies."""
        self._buffer += data
        complete = 0
        while (length := self._length()) is not None:
            self._buffer = self._buffer[length:]
            complete += 1
        return complete

    def _length(self) -> int | None:
        """The length of the first answer if it is whole."""
        line, found, _ = self._buffer.partition(b"\r\n")
        if not found:
            return None
        if line[:1] in b"+:":
            return len(line) + 2
        if line[:1] != b"$" or line == b"$-1":
            raise BenchError(f"redis-server answered {line.decode(errors='replace')}")
        whole = len(line) + 2 + int(line[1:]) + 2
        return whole if len(self._buffer) >= whole else None


@dataclass(frozen=True, slots=True)
class Load:
    """What a load measured: `rate` in answers a second, latencies in seconds, own CPU share of one core."""

    answers: int
    seconds: float
    p50_s: float
    p99_s: float
    busy: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """When to stop: after so many seconds, not counting the warm-up, or after so many requests."""

    seconds: float = float("inf")
    warm_up_s: float = 0.0
    requests: int | None = None


async def drive(
    port: int,
    replies: Callable[[], Replies],
    request: Callable[[int], bytes],
    *,
    connections: int,
    limit: Limit,
) -> Load:
    """Put load on a local port. `request(n)` is the n-th request. Raises BenchError."""
    loop = asyncio.get_running_loop()
    run = _Run(request, limit, loop.create_future())
    opened = [
        await loop.create_connection(lambda: _Connection(run, replies()), "127.0.0.1", port)
        for _ in range(connections)
    ]
    run.begin([connection for _, connection in opened])
    try:
        await run.done
    finally:
        for transport, _ in opened:
            transport.abort()
    return run.result()


class _Run:
    """The state that all connections of one load share."""

    def __init__(self, request: Callable[[int], bytes], limit: Limit, done: asyncio.Future[None]) -> None:
        self._request = request
        self._limit = limit
        self.done = done
        self._sent = 0
        self._open = 0
        self._latencies = array("d")
        self._warm_until = self._end = self._began = self._cpu = 0.0
        self._last = 0.0

    def begin(self, connections: list[_Connection]) -> None:
        now = time.perf_counter()
        self._warm_until = now + self._limit.warm_up_s
        self._end = self._warm_until + self._limit.seconds
        self._began, self._cpu = now, time.process_time()
        self._open = len(connections)
        for connection in connections:
            connection.go_on()

    def next(self, now: float) -> bytes | None:
        """The next request, or None if there is enough."""
        if now >= self._end or self._sent == self._limit.requests:
            return None
        self._sent += 1
        return self._request(self._sent - 1)

    def answered(self, began: float, now: float) -> None:
        if began >= self._warm_until:
            self._latencies.append(now - began)
            self._last = now

    def closed(self) -> None:
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: BenchError) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def result(self) -> Load:
        ranked = sorted(self._latencies)
        if not ranked:
            raise BenchError("no request was answered in time; give it more seconds")
        return Load(
            answers=len(ranked),
            seconds=self._last - max(self._warm_until, self._began),
            p50_s=ranked[len(ranked) // 2],
            p99_s=ranked[len(ranked) * 99 // 100],
            busy=(time.process_time() - self._cpu) / (time.perf_counter() - self._began),
        )


class _Connection(asyncio.Protocol):
    """One connection: at most one request is on its way."""

    def __init__(self, run: _Run, replies: Replies) -> None:
        self._run = run
        self._replies = replies
        self._began = 0.0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def go_on(self) -> None:
        self._began = time.perf_counter()
        request = self._run.next(self._began)
        self._waiting = request is not None
        if request is None:
            self._run.closed()
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            complete = self._replies.feed(data)
        except httptools.HttpParserCallbackError as error:
            self._run.failed(
                error.__context__ if isinstance(error.__context__, BenchError) else _garbage(error)
            )
        except (httptools.HttpParserError, BenchError) as error:
            self._run.failed(error if isinstance(error, BenchError) else _garbage(error))
        else:
            if complete:
                self._run.answered(self._began, time.perf_counter())
                self.go_on()

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting:
            self._run.failed(BenchError(f"the server closed a connection: {error or 'without a reason'}"))


def _garbage(error: Exception) -> BenchError:
    return BenchError(f"the server's answer is not HTTP: {error}")
