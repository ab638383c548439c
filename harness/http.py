"""HttpTransport: one HTTP/1.1 connection that sends every request exactly once.

A client that repeats a request, as libraries with connection pools do when a kept connection turns out to be
dead, makes two effects out of one operation and so falsifies the history. This one never repeats, follows no
redirect and never uses a connection again on which anything went wrong. When no answer comes it says whether
any byte can have reached the other side, because that alone decides between `fail` and `info`:

- refused, unreachable, timed out while connecting: nothing was sent;
- anything after the bytes were handed to the operating system: sent, whatever the other side made of it;
- a kept connection that the other side has closed is noticed *before* the request is written, and replaced.

Not here: TLS, pipelining, compression, bodies sent in chunks.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Mapping
from typing import cast

import httptools

from harness.environment import Answer, TransportError


class HttpTransport:
    """Requests to one server, one at a time, each sent once. Implements `harness.environment.Transport`."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._connection: _Connection | None = None
        self._busy = False

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Send one request and await its answer. `timeout_s` bounds connecting and answering together."""
        if self._busy:
            raise RuntimeError("a connection carries one request at a time")
        message = _message(method, target, f"{self._host}:{self._port}", headers, body)
        self._busy = True
        sent = reusable = False
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._connected()
                sent = True
                answer, reusable = await connection.exchange(message, head=method == "HEAD")
                return answer
        except TimeoutError:
            during = "for the answer" if sent else "to connect"
            raise TransportError(self._says(f"waited {timeout_s:g} s {during}"), sent=sent) from None
        except (OSError, _Broken) as error:
            raise TransportError(self._says(str(error) or type(error).__name__), sent=sent) from error
        finally:
            self._busy = False
            if not reusable:
                self._drop()

    async def close(self) -> None:
        """Drop the connection."""
        self._drop()

    async def _connected(self) -> _Connection:
        if self._connection is not None and self._connection.usable:
            return self._connection
        self._drop()
        loop = asyncio.get_running_loop()
        _, self._connection = await loop.create_connection(_Connection, self._host, self._port)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    def _says(self, what: str) -> str:
        return f"{self._host}:{self._port}: {what}"


def _message(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(body)}")
    if any("\r" in line or "\n" in line for line in lines) or " " in target:
        raise ValueError(f"no line breaks in headers, no spaces in targets: {lines[0]!r}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


class _Broken(Exception):  # noqa: N818 - the state of a connection
    """No answer can come any more on this connection."""


class _Connection(asyncio.Protocol):
    """The bytes of one connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reading: _Reading | None = None
        self._closed = False

    @property
    def usable(self) -> bool:
        """Whether a request may be written. Bytes or an end that lie unread on an idle connection say no."""
        return not self._closed and self._transport is not None and not _readable(self._transport)

    async def exchange(self, message: bytes, *, head: bool) -> tuple[Answer, bool]:
        """The answer to `message`, and whether the connection may carry another one."""
        assert self._transport is not None
        self._reading = reading = _Reading(head=head)
        self._transport.write(message)
        try:
            answer = await reading.answer
        finally:
            self._reading = None
        return answer, reading.reusable and not self._closed

    def abort(self) -> None:
        """Close without sending anything that is still buffered."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's call."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Asyncio's call."""
        if self._reading is None:
            self.abort()  # nobody asked: whatever this is, it must not become the next request's answer
        else:
            self._reading.feed(data)

    def eof_received(self) -> None:
        """Asyncio's call."""
        self._closed = True
        if self._reading is not None:
            self._reading.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's call."""
        self._closed = True
        if self._reading is not None:
            self._reading.fail(f"connection lost: {exc or 'closed by this side'}")


def _readable(transport: asyncio.Transport) -> bool:
    # The loop may not have come round to an end of stream that the kernel knows already.
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


class _Reading:
    """One answer as it comes in. Method names `on_...` are httptools's."""

    def __init__(self, *, head: bool) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.reusable = False
        self._head = head
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._in_body = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fail("the server switched protocols")
        except httptools.HttpParserError as error:
            self.reusable = False
            self.fail(f"the answer is not HTTP: {error}")

    def end(self) -> None:
        """The stream ended: that completes an answer without a length, and breaks any other."""
        if self._in_body and not {"content-length", "transfer-encoding"} & self._headers.keys():
            self._complete(reusable=False)
        self.fail("connection closed before the answer was complete")

    def fail(self, why: str) -> None:
        """No answer will come, unless it came already."""
        if not self.answer.done():
            self.answer.set_exception(_Broken(why))

    def on_message_begin(self) -> None:
        """A message begins. After the answer there must be none."""
        self.reusable = False
        self._headers, self._body = {}, []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line; several of one name are joined."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """To HEAD, the headers are all there is, whatever length they announce."""
        self._in_body = self._final
        if self._head and self._final:
            self._complete(reusable=bool(self._parser.should_keep_alive()))

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self.answer.done():
            self.reusable = False
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The end of an answer; or of a "100 Continue", after which the answer is still to come."""
        if self._final:
            self._complete(reusable=bool(self._parser.should_keep_alive()))

    @property
    def _final(self) -> bool:
        return self._parser.get_status_code() >= 200

    def _complete(self, *, reusable: bool) -> None:
        if self.answer.done():
            return
        self.reusable = reusable
        status = self._parser.get_status_code()
        self.answer.set_result(Answer(status, self._headers, b"".join(self._body)))
