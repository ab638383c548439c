"""Serving HTTP/1.1: httptools parses, a handler answers, one write per answer.

No client can make the server read a body larger than MAX_BODY_BYTES, hold a connection by sending headers or
body too slowly, or disturb other connections with broken HTTP. It gets one answer (400, 408, 413, 431) where
that is possible, and the connection is closed. Requests on one connection are answered one after the other.

Not here: TLS, HTTP/2, compression, upgrades to other protocols. An ASGI server would do, but uvicorn writes
head and body of an answer separately, and each of these system calls costs as much as a whole insert.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httptools

from reference.world import Handler, Request, Response
from reference.world.real.endpoint import parse_endpoint

MAX_BODY_BYTES = 512 << 20
MAX_HEADER_BYTES = 1 << 20
SLOWEST_BYTES_PER_S = 256 << 10
KEEP_ALIVE_S = 300.0
"""arangod's `--http.keep-alive-timeout`."""
GRACE_S = 30.0
"""How long requests in progress may go on when the server stops."""
_MOST_PIPELINED = 16


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request may take to arrive: its headers, and then its body of any size. A larger body gets a
    second more for each SLOWEST_BYTES_PER_S.
    """

    headers_s: float = 10.0
    body_s: float = 30.0


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


PATIENCE = Patience()


async def listen(endpoint: str, handler: Handler, patience: Patience = PATIENCE) -> HttpListener:
    """Serve; raises OSError if the endpoint cannot be bound."""
    host, port = parse_endpoint(endpoint)
    connections: dict[_Connection, None] = {}
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(handler, connections, patience), host, port, backlog=1024
    )
    return HttpListener(server, connections)


class HttpListener:
    """A served endpoint."""

    def __init__(self, server: asyncio.Server, connections: dict[_Connection, None]) -> None:
        self._server = server
        self._connections = connections

    @property
    def port(self) -> int:
        """The port that is bound; interesting if 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connected(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def close(self) -> None:
        """Take no more requests, let those in progress end (for GRACE_S at most), then stop."""
        self._server.close()
        running = [
            task for connection in list(self._connections) if (task := connection.finish()) is not None
        ]
        if running:
            await asyncio.wait(running, timeout=GRACE_S)
        for connection in list(self._connections):
            connection.abort()


class _Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, handler: Handler, connections: dict[_Connection, None], patience: Patience) -> None:
        self._handler = handler
        self._connections = connections
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)  # until connection_made
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._deaf = False  # nothing more is read; what is being answered may still be answered
        self._writable: asyncio.Future[None] | None = None
        self._last_active_s = self._loop.time()
        self._idle: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._begin_request()
        self._incomplete = False

    def finish(self) -> asyncio.Task[None] | None:
        """Read nothing more; close when what is being answered is answered. The task that does it, if any."""
        self._deaf = True
        if self._task is None:
            self._transport.close()
        return self._task

    def abort(self) -> None:
        """Close now."""
        if self._task is not None:
            self._task.cancel()
        self._transport.close()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._connections[self] = None
        self._idle = self._loop.call_later(KEEP_ALIVE_S, self._check_idle)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """The client has gone; what it asked for is still done."""
        self._deaf = True
        self._connections.pop(self, None)
        self._disallow()
        if self._idle is not None:
            self._idle.cancel()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # no other protocol is spoken here; the request is answered as it is
        except httptools.HttpParserError:
            self._refuse(400, "this is not HTTP/1.1")
        # Most requests arrive whole: only the others cost a timer.
        if not self._incomplete:
            self._disallow()
        elif self._deadline is None and not self._deaf:
            self._allow()
        if len(self._waiting) > _MOST_PIPELINED:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not take its answers."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """It does again, or it is gone."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin_request()

    def on_url(self, url: bytes) -> None:
        """A piece of path and query."""
        self._count_header(len(url))
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._count_header(len(name) + len(value))
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The headers are whole."""
        length = int(self._headers.get("content-length", 0))
        if length > MAX_BODY_BYTES:
            self._refuse(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        if self._deaf:
            return
        self._disallow()
        self._allowed_s = self._patience.body_s + length / SLOWEST_BYTES_PER_S
        if self._headers.get("expect", "").lower() == "100-continue" and self._task is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > MAX_BODY_BYTES:
            self._refuse(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        elif not self._deaf:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._incomplete = False
        if self._deaf:
            return
        method, target = self._parser.get_method().decode("ascii"), self._url.decode("ascii")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(method, target, self._headers, body)
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._task is None:
            self._task = self._loop.create_task(self._answer())

    # The rest.

    def _begin_request(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._header_bytes = self._body_bytes = 0
        self._incomplete = True
        self._allowed_s = self._patience.headers_s

    async def _answer(self) -> None:
        """Answer what waits, in order. If the handler raises, the client sees a closed connection."""
        keeps_alive = False
        try:
            while self._waiting:
                request, keeps_alive = self._waiting.popleft()
                response = await self._handler(request)
                if self._transport.is_closing():
                    continue  # the client has gone
                keeps_alive = keeps_alive and not (self._deaf and not self._waiting)
                self._transport.write(_encode(response, request.method, keeps_alive))
                if self._writable is not None:
                    await self._writable
                if not keeps_alive:
                    break
        finally:
            self._task = None
            self._last_active_s = self._loop.time()
            if not keeps_alive:
                self._deaf = True
                self._transport.close()
        if not self._transport.is_reading() and not self._transport.is_closing():
            self._transport.resume_reading()

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(431, f"the headers are larger than {MAX_HEADER_BYTES} bytes")

    def _check_idle(self) -> None:
        idle_s = self._loop.time() - self._last_active_s
        if idle_s >= KEEP_ALIVE_S and self._task is None and not self._incomplete:
            self._transport.close()
        else:
            self._idle = self._loop.call_later(max(1.0, KEEP_ALIVE_S - idle_s), self._check_idle)

    def _allow(self) -> None:
        self._deadline = self._loop.call_later(
            self._allowed_s, self._refuse, 408, "the request did not arrive in time"
        )

    def _disallow(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, message: str) -> None:
        """Say why and close; if an earlier request is being answered, close after that answer."""
        if self._deaf:
            return
        self._deaf = True
        self._disallow()
        if self._task is None:
            body = b'{"error":true,"code":%d,"errorNum":%d,"errorMessage":"%s"}' % (
                status,
                status,
                message.encode(),
            )
            answer = Response(status, {"content-type": "application/json"}, body)
            self._transport.write(_encode(answer, "", keeps_alive=False))
            self._transport.close()


def _encode(response: Response, method: str, keeps_alive: bool) -> bytes:
    """The answer's bytes."""
    lines = [_STATUS_LINES.get(response.status) or f"HTTP/1.1 {response.status} \r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in response.headers.items()]
    has_body = response.status not in {204, 304}
    if has_body and "content-length" not in response.headers:
        lines.append(f"content-length: {len(response.body)}\r\n")
    lines.append("\r\n" if keeps_alive else "connection: close\r\n\r\n")
    head = "".join(lines).encode("latin-1")
    return head + response.body if has_body and method != "HEAD" else head
