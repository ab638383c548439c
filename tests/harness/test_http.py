"""The HTTP client against servers that misbehave in every way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from harness.environment import Answer, TransportError
from harness.http import HttpTransport

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Server:
    """Plays one script for each connection and counts what it received."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


async def read_request(server: Server, reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length")
        ),
        0,
    )
    request = head + await reader.readexactly(length)
    server.requests.append(request)
    return request


@contextlib.asynccontextmanager
async def serving(*answers: bytes, close: bool = False, reset: bool = False) -> AsyncIterator[Server]:
    """Every connection is given the answers in turn, one for each request, then held, closed or reset."""
    server = Server()
    hold = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for answer in answers:
                await read_request(server, reader)
                writer.write(answer)
                await writer.drain()
            if reset:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            elif not close:
                await hold.wait()
        writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        hold.set()
        listener.close()


async def ask(
    transport: HttpTransport, method: str = "GET", body: bytes = b"", timeout_s: float = 5.0
) -> Answer:
    return await transport.request(method, "/x", headers={}, body=body, timeout_s=timeout_s)


async def refusal(transport: HttpTransport, method: str = "POST", timeout_s: float = 5.0) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await ask(transport, method, timeout_s=timeout_s)
    return caught.value


async def test_request_and_answer_travel_whole() -> None:
    answer = b'HTTP/1.1 412 No\r\nETag: "a"\r\nX-A: 1\r\nx-a: 2\r\ncontent-length: 3\r\n\r\nabc'
    async with serving(answer) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        got = await transport.request(
            "PUT", "/a?b=c", headers={"if-match": '"r"'}, body=b"hello", timeout_s=5
        )
    assert got == Answer(412, {"etag": '"a"', "x-a": "1, 2", "content-length": "3"}, b"abc")
    assert server.requests == [
        f'PUT /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\nif-match: "r"\r\n'
        "content-length: 5\r\n\r\nhello".encode()
    ]
    await transport.close()


async def test_connection_is_kept_between_requests() -> None:
    async with serving(OK, OK, OK) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        for _ in range(3):
            assert (await ask(transport)).body == b"ok"
        assert (server.connections, len(server.requests)) == (1, 3)
        await transport.close()


async def test_refused_connection_sent_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses, and nobody else gets the port
        error = await refusal(HttpTransport("127.0.0.1", taken.getsockname()[1]))
    assert error.sent is False


async def test_unknown_host_sent_nothing() -> None:
    assert (await refusal(HttpTransport("no-such-host.invalid", 1))).sent is False


async def test_connecting_that_takes_too_long_sent_nothing() -> None:
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # fill the backlog, so that the next handshake is never answered
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        await asyncio.sleep(0.05)
        error = await refusal(HttpTransport("127.0.0.1", listener.getsockname()[1]), timeout_s=0.2)
    assert error.sent is False


async def test_server_that_never_answers_is_given_up_at_the_deadline() -> None:
    async with serving(b"") as server:
        transport = HttpTransport("127.0.0.1", server.port)
        error = await refusal(transport, timeout_s=0.1)
    assert error.sent is True
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
@pytest.mark.parametrize("reset", [False, True])
async def test_answer_that_breaks_off_is_no_answer_and_is_not_asked_for_again(
    answer: bytes, reset: bool
) -> None:
    async with serving(answer, close=True, reset=reset) as server:
        error = await refusal(HttpTransport("127.0.0.1", server.port))
    assert error.sent is True
    assert (server.connections, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH\r\n", b"\x00\x01\x02\x03", b"HTTP/1.1 abc\r\n\r\n"])
async def test_garbage_is_no_answer(garbage: bytes) -> None:
    async with serving(garbage) as server:
        error = await refusal(HttpTransport("127.0.0.1", server.port))
    assert error.sent is True
    assert "not HTTP" in str(error)


async def test_next_request_after_a_failure_has_a_connection_of_its_own() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n") as server:
        transport = HttpTransport("127.0.0.1", server.port)
        for _ in range(2):
            await refusal(transport, timeout_s=0.1)
        assert (server.connections, len(server.requests)) == (2, 2)


async def test_late_answer_of_a_given_up_request_is_not_taken_for_the_next_ones() -> None:
    late = asyncio.Event()
    seen = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        mine = seen
        await reader.readuntil(b"\r\n\r\n")
        if mine == 1:
            await late.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % mine)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    transport = HttpTransport("127.0.0.1", listener.sockets[0].getsockname()[1])
    await refusal(transport, timeout_s=0.05)
    late.set()
    assert (await ask(transport)).body == b"2"
    listener.close()


async def test_cancelled_request_drops_its_connection() -> None:
    async with serving(b"", OK) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        request = asyncio.create_task(ask(transport))
        while not server.requests:
            await asyncio.sleep(0.001)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await refusal(transport, timeout_s=0.1)
        assert server.connections == 2


async def test_kept_connection_that_the_server_closed_is_replaced_before_anything_is_sent() -> None:
    async with serving(OK, close=True) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        for _ in range(3):
            assert (await ask(transport)).body == b"ok"
            await asyncio.sleep(0.02)  # the server's end of stream arrives
        assert (server.connections, len(server.requests)) == (3, 3)


async def test_end_of_stream_is_noticed_even_before_the_loop_comes_round_to_it() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept_and_answer() -> socket.socket:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(OK)
        return connection

    loop = asyncio.get_running_loop()
    transport = HttpTransport("127.0.0.1", listener.getsockname()[1])
    first = loop.run_in_executor(None, accept_and_answer)
    assert (await ask(transport)).body == b"ok"
    (await first).close()  # no turn of the loop between this and the next request's first look
    second = loop.run_in_executor(None, accept_and_answer)
    assert (await ask(transport, "POST")).body == b"ok"
    (await second).close()
    listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_connection_is_not_kept_when_the_server_says_so(answer: bytes) -> None:
    async with serving(answer) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        assert [(await ask(transport)).body for _ in range(2)] == [b"ok", b"ok"]
        assert server.connections == 2


async def test_answer_without_a_length_ends_with_the_connection() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True) as server:
        assert (await ask(HttpTransport("127.0.0.1", server.port))).body == b"all of it"


async def test_chunked_answer_is_put_together() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with serving(chunked, chunked) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        assert [(await ask(transport)).body for _ in range(2)] == [b"abcde", b"abcde"]
        assert server.connections == 1
        await transport.close()


async def test_continue_is_not_the_answer() -> None:
    async with serving(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, OK) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        assert [(await ask(transport, "POST", b"x")).status for _ in range(2)] == [200, 200]
        assert server.connections == 1
        await transport.close()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_statuses_without_a_body_end_with_their_headers(status: bytes) -> None:
    async with serving(b"HTTP/1.1 " + status + b'\r\netag: "r"\r\n\r\n', OK) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        first = await ask(transport)
        assert (first.status, first.body) == (int(status[:3]), b"")
        assert (await ask(transport)).body == b"ok"
        await transport.close()


async def test_head_announces_a_length_and_sends_no_body() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", OK) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        assert (await ask(transport, "HEAD")).headers["content-length"] == "99"
        assert (await ask(transport)).body == b"ok"
        assert server.connections == 1
        await transport.close()


@pytest.mark.parametrize("surplus", [b"x", OK, b"HTTP/1.1"])
async def test_surplus_after_the_answer_is_never_the_next_answer(surplus: bytes) -> None:
    async with serving(OK + surplus) as server:
        transport = HttpTransport("127.0.0.1", server.port)
        for _ in range(2):
            assert (await ask(transport)).body == b"ok"
        assert server.connections == 2


async def test_slow_answer_within_the_deadline_is_taken_byte_by_byte() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in OK:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.001)

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    transport = HttpTransport("127.0.0.1", listener.sockets[0].getsockname()[1])
    assert (await ask(transport)).body == b"ok"
    await transport.close()
    listener.close()


async def test_drip_that_never_ends_is_cut_at_the_deadline() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await asyncio.sleep(0.005)

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    transport = HttpTransport("127.0.0.1", listener.sockets[0].getsockname()[1])
    assert (await refusal(transport, timeout_s=0.15)).sent is True
    listener.close()


@pytest.mark.parametrize("header", ["a\r\nb: c", "a\nb"])
async def test_line_breaks_in_headers_are_refused_before_anything_is_sent(header: str) -> None:
    with pytest.raises(ValueError, match="line breaks"):
        await HttpTransport("127.0.0.1", 1).request("GET", "/", headers={"x": header}, body=b"", timeout_s=1)


@pytest.mark.parametrize(
    "situation",
    [
        test_request_and_answer_travel_whole,
        test_connection_is_kept_between_requests,
        test_refused_connection_sent_nothing,
        test_server_that_never_answers_is_given_up_at_the_deadline,
        test_late_answer_of_a_given_up_request_is_not_taken_for_the_next_ones,
        test_cancelled_request_drops_its_connection,
        test_kept_connection_that_the_server_closed_is_replaced_before_anything_is_sent,
        test_end_of_stream_is_noticed_even_before_the_loop_comes_round_to_it,
        test_answer_without_a_length_ends_with_the_connection,
        test_head_announces_a_length_and_sends_no_body,
    ],
)
def test_uvloop_which_writes_and_notices_ends_at_other_moments_makes_no_difference(
    situation: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(situation())
