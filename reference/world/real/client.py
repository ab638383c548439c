"""An HTTP/1.1 client that sends every request exactly once, and knows whether it was sent.

Libraries with a pool may send a request again when a kept connection turns out to be closed; the receiver may
then have executed it twice. Here a kept connection that is known to be closed is skipped before anything is
written; once a byte is written, whatever happens is told to the caller (`Unreachable.sent`).
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools

from reference.world import Request, Response, Unreachable
from reference.world.real.endpoint import parse_endpoint

_IDLE_S = 30.0
"""A kept connection that was idle for longer is not trusted: middle boxes forget without telling."""


class HttpClient:
    """Requests over kept connections, as many as needed at once."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[_Connection]] = {}

    async def request(self, endpoint: str, request: Request, *, timeout_s: float) -> Response:
        """Send one request once and await the answer; raises Unreachable."""
        sent = False
        connection: _Connection | None = None
        try:
            address = parse_endpoint(endpoint)
            async with asyncio.timeout(timeout_s):
                connection = self._take(address) or await _connect(address)
                sent = True
                response = await connection.exchange(request, address)
        except TimeoutError:
            raise Unreachable(f"{endpoint} did not answer within {timeout_s:g} s", sent=sent) from None
        except (OSError, httptools.HttpParserError) as error:
            raise Unreachable(f"{endpoint}: {error}", sent=sent) from error
        finally:
            if connection is not None:
                self._put_back(address, connection)
        return response

    def close(self) -> None:
        """Close the kept connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()

    def _take(self, address: tuple[str, int]) -> _Connection | None:
        connections = self._idle.get(address, [])
        while connections:
            connection = connections.pop()
            if connection.is_fresh():
                return connection
            connection.abort()
        return None

    def _put_back(self, address: tuple[str, int], connection: _Connection) -> None:
        if connection.is_reusable():
            self._idle.setdefault(address, []).append(connection)
        else:
            connection.abort()


async def _connect(address: tuple[str, int]) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, *address)
    return connection


class _Connection(asyncio.Protocol):
    """One TCP connection, one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._is_head = False
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._status = 0
        self._keeps_alive = True
        self._idle_since = self._loop.time()

    async def exchange(self, request: Request, address: tuple[str, int]) -> Response:
        """Write the request and await the response; raises OSError or HttpParserError."""
        assert self._transport is not None, "connected"
        self._answer = self._loop.create_future()
        self._is_head = request.method == "HEAD"
        self._headers, self._body, self._status = {}, [], 0
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(_encode(request, address))
        try:
            return await self._answer
        finally:
            self._parser = None

    def is_fresh(self) -> bool:
        """Whether a request may be sent on it after a time in the pool."""
        return self.is_reusable() and self._loop.time() - self._idle_since < _IDLE_S

    def is_reusable(self) -> bool:
        """Whether the last exchange ended properly and the connection is open."""
        closing = self._transport is None or self._transport.is_closing()
        answered = self._answer is not None and self._answer.done() and not self._answer.cancelled()
        return not closing and answered and self._keeps_alive

    def abort(self) -> None:
        """Close it at once."""
        self._keeps_alive = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._parser is None:
            self.abort()  # nobody asked for this
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(error)
            self.abort()

    def eof_received(self) -> bool:
        """Called by the loop; the connection is closed then."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop. A body without length ends here; otherwise the answer is lost."""
        self._keeps_alive = False
        has_length = "content-length" in self._headers or "transfer-encoding" in self._headers
        if error is None and self._status and not has_length:
            self._finish()
        else:
            self._fail(error or ConnectionResetError("the connection was closed before the answer was whole"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        assert self._parser is not None
        self._status = self._parser.get_status_code()
        self._keeps_alive = self._parser.should_keep_alive()
        if self._is_head:
            self._finish()

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._status >= 200:
            self._finish()

    def _finish(self) -> None:
        self._idle_since = self._loop.time()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Response(self._status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        self._keeps_alive = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def _encode(request: Request, address: tuple[str, int]) -> bytes:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    lines = [f"{request.method} {request.target} HTTP/1.1", f"host: {host}:{address[1]}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines.append(f"content-length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body
