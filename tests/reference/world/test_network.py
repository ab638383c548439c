"""The real network: requests are sent once, and no client can disturb the others."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
import uvloop

from reference.world import Request, Response, Unreachable
from reference.world.real import listener
from reference.world.real.client import HttpClient
from reference.world.real.listener import HttpListener, Patience, listen

ANY = "tcp://127.0.0.1:0"
GET = Request("GET", "/x")


async def echo(request: Request) -> Response:
    """Say what was asked; `/slow` takes a moment."""
    if request.target == "/slow":
        await asyncio.sleep(0.2)
    answer = {
        "method": request.method,
        "target": request.target,
        "headers": dict(request.headers),
        "body": request.body.decode(),
    }
    return Response(200, {"x-answer": "yes"}, msgspec.json.encode(answer))


@pytest.fixture
async def server() -> AsyncIterator[HttpListener]:
    server = await listen(ANY, echo)
    yield server
    await server.close()


def endpoint(server: HttpListener) -> str:
    return f"tcp://127.0.0.1:{server.port}"


async def exchange(server: HttpListener, *sent: bytes, pause_s: float = 0.0) -> bytes:
    """Everything that the server answers to these bytes until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for data in sent:
            writer.write(data)
            await asyncio.sleep(pause_s)
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:  # cut while we were still sending
        return b""
    finally:
        writer.close()


async def still_serves(server: HttpListener) -> bool:
    client = HttpClient()
    try:
        response = await client.request(endpoint(server), GET, timeout_s=5)
    finally:
        client.close()
    return response.status == 200


async def test_a_request_arrives_and_its_answer_comes_back(server: HttpListener) -> None:
    client = HttpClient()
    request = Request("POST", "/_db/a%20b/x?q=%C3%A4&r", {"x-Mine": "1"}, b'{"a":1}')
    response = await client.request(endpoint(server), request, timeout_s=5)
    answer = msgspec.json.decode(response.body)
    assert (response.status, response.headers["x-answer"]) == (200, "yes")
    assert (answer["method"], answer["target"], answer["body"]) == (
        "POST",
        "/_db/a%20b/x?q=%C3%A4&r",
        '{"a":1}',
    )
    assert answer["headers"]["x-mine"] == "1"
    client.close()


async def test_large_bodies_pass_both_ways(server: HttpListener) -> None:
    client = HttpClient()
    body = b"x" * 3_000_000
    response = await client.request(endpoint(server), Request("PUT", "/", {}, body), timeout_s=10)
    assert len(msgspec.json.decode(response.body)["body"]) == len(body)
    client.close()


async def test_connections_are_kept_and_shared(server: HttpListener) -> None:
    client = HttpClient()
    for _ in range(3):
        await asyncio.gather(*(client.request(endpoint(server), GET, timeout_s=5) for _ in range(4)))
    assert server.connected == 4
    client.close()


async def test_a_head_request_has_no_body_and_keeps_the_connection(server: HttpListener) -> None:
    client = HttpClient()
    for method in ("HEAD", "GET", "HEAD"):
        response = await client.request(endpoint(server), Request(method, "/x"), timeout_s=5)
        assert (response.body == b"") == (method == "HEAD")
        assert int(response.headers["content-length"]) > 0
    assert server.connected == 1
    client.close()


async def test_nobody_listens_nothing_was_sent() -> None:
    server = await listen(ANY, echo)
    port = server.port
    await server.close()
    with pytest.raises(Unreachable) as caught:
        await HttpClient().request(f"tcp://127.0.0.1:{port}", GET, timeout_s=5)
    assert caught.value.sent is False


@pytest.mark.parametrize(
    "wrong", ["127.0.0.1:80", "tcp://host", "ssl://host:1", "tcp://h:99999", "", "tcp://h:1/x"]
)
async def test_what_is_no_endpoint_is_unreachable_and_cannot_be_served(wrong: str) -> None:
    with pytest.raises(Unreachable, match="is no endpoint") as caught:
        await HttpClient().request(wrong, GET, timeout_s=1)
    assert caught.value.sent is False
    with pytest.raises(OSError, match="is no endpoint"):
        await listen(wrong, echo)


async def test_a_slow_answer_is_a_timeout_after_sending_and_the_connection_is_not_reused(
    server: HttpListener,
) -> None:
    client = HttpClient()
    with pytest.raises(Unreachable, match="within") as caught:
        await client.request(endpoint(server), Request("GET", "/slow"), timeout_s=0.05)
    assert caught.value.sent is True
    response = await client.request(endpoint(server), GET, timeout_s=5)
    assert msgspec.json.decode(response.body)["target"] == "/x"
    client.close()


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that reads a request and then does as the script says; and the requests that it got."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                got.append(await reader.readuntil(b"\r\n\r\n"))
                await script(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", got
    finally:
        server.close()


async def test_a_connection_lost_before_the_answer_is_never_sent_again() -> None:
    async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with scripted(drop) as (address, got):
        with pytest.raises(Unreachable) as caught:
            await HttpClient().request(address, GET, timeout_s=5)
        assert caught.value.sent is True
        assert len(got) == 1


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_unseen() -> None:
    async def answer_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async with scripted(answer_once) as (address, got):
        client = HttpClient()
        for _ in range(3):
            assert (await client.request(address, GET, timeout_s=5)).body == b"ok"
            await asyncio.sleep(0.05)  # the loop hears of the close
        assert len(got) == 3


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_answers_of_other_servers_are_understood(answer: bytes, body: bytes) -> None:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if b"close" in answer:
            writer.close()

    async with scripted(say) as (address, _):
        client = HttpClient()
        assert (await client.request(address, GET, timeout_s=5)).body == body
        client.close()


@pytest.mark.parametrize(
    "answer", [b"SMTP ready\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"]
)
async def test_a_broken_answer_is_unreachable_after_sending(answer: bytes) -> None:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with scripted(say) as (address, _):
        with pytest.raises(Unreachable) as caught:
            await HttpClient().request(address, GET, timeout_s=5)
        assert caught.value.sent is True


@pytest.mark.parametrize(
    "broken",
    [
        b"not http at all\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
async def test_broken_http_gets_400_and_the_next_request_works(server: HttpListener, broken: bytes) -> None:
    answer = await exchange(server, broken)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert msgspec.json.decode(answer.split(b"\r\n\r\n", 1)[1])["errorNum"] == 400
    assert await still_serves(server)


@pytest.mark.parametrize("length", [2**31, 2**62, listener.MAX_BODY_BYTES + 1])
async def test_a_giant_length_is_refused_without_reading(server: HttpListener, length: int) -> None:
    answer = await exchange(
        server, b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\nbegin" % length
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert await still_serves(server)


async def test_an_endless_chunked_body_is_cut(server: HttpListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_BODY_BYTES", 100_000)
    head = b"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    answer = await exchange(server, head, *[chunk] * 8, pause_s=0.01)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    assert await still_serves(server)


async def test_endless_headers_are_cut(server: HttpListener) -> None:
    answer = await exchange(server, b"GET / HTTP/1.1\r\n", *[b"x-header: " + b"y" * 100_000 + b"\r\n"] * 12)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert await still_serves(server)


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\r\nx-a: 1\r\n", b"POST / HTTP/1.1\r\ncontent-length: 50\r\n\r\n"]
)
async def test_a_slow_loris_is_cut_while_others_are_served(head: bytes) -> None:
    server = await listen(ANY, echo, Patience(headers_s=0.3, body_s=0.3))
    loris = asyncio.create_task(exchange(server, head, *[b"x"] * 8, pause_s=0.1))
    await asyncio.sleep(0.1)
    assert await still_serves(server)
    answer = await loris
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    assert await still_serves(server)
    await server.close()


async def test_a_request_that_arrives_slowly_but_in_time_is_answered(server: HttpListener) -> None:
    request = b"POST /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody"
    answer = await exchange(server, *[request[n : n + 1] for n in range(len(request))], pause_s=0.001)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_pipelined_requests_are_answered_in_order(server: HttpListener) -> None:
    answer = await exchange(
        server,
        b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
        b"GET /2 HTTP/1.1\r\nhost: x\r\n\r\n"
        b"GET /3 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    assert answer.index(b'"/slow"') < answer.index(b'"/2"') < answer.index(b'"/3"')


async def test_more_pipelined_requests_than_are_kept_waiting_are_all_answered(server: HttpListener) -> None:
    requests = [b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(200)]
    last = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = await exchange(server, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n", *requests, last, pause_s=0.0)
    assert answer.count(b"HTTP/1.1 200 OK") == 202


def test_what_a_client_asked_for_is_done_though_it_has_gone() -> None:
    done: list[str] = []
    complaints: list[object] = []

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        begun, gone = asyncio.Event(), asyncio.Event()

        async def slow(request: Request) -> Response:
            begun.set()
            await gone.wait()
            done.append(request.target)
            return Response(200, {}, b"")

        server = await listen(ANY, slow)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        await begun.wait()
        writer.transport.abort()
        while server.connected:
            await asyncio.sleep(0.001)
        gone.set()
        while len(done) < 2:
            await asyncio.sleep(0.001)
        await server.close()
        gc.collect()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(scene(), 10))
    assert (done, complaints) == (["/1", "/2"], [])


async def test_close_lets_requests_in_progress_end_and_takes_no_more() -> None:
    server = await listen(ANY, echo)
    client = HttpClient()
    running = asyncio.create_task(client.request(endpoint(server), Request("GET", "/slow"), timeout_s=5))
    idle = HttpClient()
    await idle.request(endpoint(server), GET, timeout_s=5)
    await asyncio.sleep(0.05)
    address = endpoint(server)
    await server.close()
    assert (await running).status == 200
    with pytest.raises(Unreachable):
        await idle.request(address, GET, timeout_s=5)
    client.close()
    idle.close()


async def test_an_endpoint_in_use_is_refused(server: HttpListener) -> None:
    with pytest.raises(OSError, match=str(server.port)):
        await listen(endpoint(server), echo)
