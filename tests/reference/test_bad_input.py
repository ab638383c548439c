"""Bad input of every kind through raw sockets.

ArangoDB's refusal or a closed connection, and the next request works.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from reference.options import parse
from reference.server import Server
from reference.world.real import open_world
from reference.world.real.listener import Patience
from reference.world.real.network import RealNetwork
from tests.reference.server_process import ServerProcess, free_port

_TIMEOUT_S = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("bad") / "data") as process:
        process.call("POST", "/_api/collection", {"name": "c"}).expect(200)
        process.call("POST", "/_api/document/c", {"_key": "k", "v": 1}).expect(202)
        yield process


@pytest.fixture(autouse=True)
def _next_request_works(server: ServerProcess) -> Iterator[None]:
    yield
    assert server.call("GET", "/_api/document/c/k", timeout_s=5).expect(200)["v"] == 1


def _send(server: ServerProcess, *pieces: bytes, half_close: bool = False) -> bytes:
    """Everything that the server answers until it closes the connection or falls silent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_S) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return _drain(connection)


def _drain(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def _request(line: str, body: bytes = b"", **headers: str) -> bytes:
    """A request that asks for the connection to be closed after the answer."""
    usual = {"host": "x", "connection": "close", "content-length": str(len(body))}
    fields = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    named = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{line} HTTP/1.1\r\n{named}\r\n".encode("latin-1") + body


def _status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split(b" ", 2)[1])


def _refused(answer: bytes, status: int, number: int) -> None:
    error = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (_status(answer), error["errorNum"], error["code"]) == (status, number, status), answer
    assert error["error"] is True
    assert error["errorMessage"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":}',
        b'{"a":1}}',
        b'{"a":1} x',
        b"{'a':1}",
        b"\xff\xfe",
        b'{"a":"\xff"}',
        b'"\x01"',
        b"nul",
        b"NaN",
        b"[1,]",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 201 + b"1" + b"}" * 201,
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"a":"\\ud800"}',
        b"1" * 5000 + b"x",
    ],
)
def test_broken_json_is_400_and_600(server: ServerProcess, body: bytes) -> None:
    _refused(_send(server, _request("POST /_api/document/c", body)), 400, 600)


@pytest.mark.parametrize(
    "path", ["/_api/collection", "/_api/database", "/_api/user", "/_api/transaction/begin"]
)
@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b"true"])
def test_a_body_of_the_wrong_type_is_400(server: ServerProcess, path: str, body: bytes) -> None:
    assert _status(_send(server, _request(f"POST {path}", body))) == 400


@pytest.mark.parametrize("body", [b"7", b'"x"', b"null", b"true", b"1e400"])
def test_a_document_that_is_no_object_is_400(server: ServerProcess, body: bytes) -> None:
    answer = _send(server, _request("POST /_api/document/c", body))
    assert _status(answer) == 400
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["errorNum"] in {600, 1227}


@pytest.mark.parametrize("key", ["", "a b", "ä", "a/b", "\x00", "x" * 255, 1, 1.5, None, True, [], {}])
def test_a_wrong_key_is_400_and_1221(server: ServerProcess, key: object) -> None:
    body = json.dumps({"_key": key}).encode()
    _refused(_send(server, _request("POST /_api/document/c", body)), 400, 1221)


@pytest.mark.parametrize(
    ("line", "status", "number"),
    [
        ("GET /_api/nothing", 404, 404),
        ("GET /", 404, 404),
        ("GET //", 404, 404),
        ("GET /_db", 404, 404),
        ("GET /_db/", 404, 404),
        ("GET /../../etc/passwd", 404, 404),
        ("GET /_api/document/c/%2e%2e%2f", 404, 1202),
        ("GET /_db/%00/_api/version", 404, 1228),
        ("GET /_db/x%2Fy/_api/version", 404, 1228),
        ("GET /_api/document/%ff%fe/k", 400, 400),
        ("GET /_api/document/c/k%", 404, 1202),
        ("GET /_api/document/c/%zz", 404, 1202),
        ("GET /_api/document/" + "x" * 60_000, 404, 1202),
        ("GET /_api/document/" + "x" * 300 + "/k", 404, 1203),
        ("POST /_api/version", 405, 405),
        ("DELETE /_api/collection", 405, 405),
        ("OPTIONS /_api/document/c/k", 405, 405),
        ("TRACE /_api/version", 405, 405),
        ("GET /_api/transaction/-1", 400, 10),
        ("GET /_api/transaction/99999999999999999999999999", 400, 10),
        ("GET /_api/transaction/1.5", 400, 10),
        ("PUT /_api/job/x", 404, 404),
        ("GET /_api/job/done?count=x", 400, 10),
        ("PUT /_api/cursor/%F0%9F%92%A9", 404, 1600),
    ],
)
def test_wrong_paths_and_methods_are_named(
    server: ServerProcess, line: str, status: int, number: int
) -> None:
    _refused(_send(server, _request(line)), status, number)


def test_raw_bytes_in_a_path_are_no_defect(server: ServerProcess) -> None:
    head = b"GET /_api/document/\xc3\xa4\xff/k HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert _status(_send(server, head)) in {400, 404}


@pytest.mark.parametrize("header", ['"', "", '"""', "W/", "\xe4\xff", "x" * 10_000])
def test_a_strange_revision_never_matches(server: ServerProcess, header: str) -> None:
    _refused(_send(server, _request("GET /_api/document/c/k", if_match=header)), 412, 1200)


def test_a_strange_authorization_is_401(tmp_path: Path) -> None:
    headers = ["", " ", "Basic", "Bearer", "Basic \xff", "Bearer \xff.\xff.\xff", "x" * 10_000]
    with ServerProcess(tmp_path / "data", "--server.authentication=true") as guarded:
        for header in headers:
            _refused(_send(guarded, _request("GET /_api/version", authorization=header)), 401, 11)


@pytest.mark.parametrize("length", [str(2 << 30), str(2**63), str(2**70), "9" * 400])
def test_a_body_that_is_announced_too_large_is_refused_unread(server: ServerProcess, length: str) -> None:
    answer = _send(server, _request("POST /_api/document/c", content_length=length))
    assert answer == b"" or _status(answer) in {400, 413}


@pytest.mark.parametrize("length", ["-1", "x", "1, 2", "0x10", "1.5"])
def test_a_length_that_is_no_number_is_400(server: ServerProcess, length: str) -> None:
    answer = _send(server, _request("POST /_api/document/c", b"{}", content_length=length))
    assert answer == b"" or _status(answer) == 400


def test_two_lengths_are_not_believed(server: ServerProcess) -> None:
    head = b"POST /_api/document/c HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}abc"
    answer = _send(server, head)
    assert answer == b"" or _status(answer) == 400
    answer = _send(server, _chunked("content-length: 2") + b"{}")
    assert answer == b"" or _status(answer) == 400


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nname with space: x\r\n\r\n",
        b"BREW /_api/version HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"VST/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_not_http_is_400_or_a_closed_connection(server: ServerProcess, garbage: bytes) -> None:
    answer = _send(server, garbage, half_close=True)
    assert answer == b"" or _status(answer) == 400


def test_huge_headers_are_431_or_a_closed_connection(server: ServerProcess) -> None:
    many = "".join(f"x-{n}: {'y' * 1000}\r\n" for n in range(5000))
    with socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_S) as connection:
        try:
            connection.sendall(f"GET /_api/version HTTP/1.1\r\nhost: x\r\n{many}\r\n".encode())
            answer = _drain(connection)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert answer == b"" or _status(answer) == 431


def test_garbage_after_a_request_costs_at_most_the_connection(server: ServerProcess) -> None:
    first = _request("GET /_api/document/c/k", connection="keep-alive")
    answer = _send(server, first + b"\x00\x01 trailing garbage\r\n\r\n", half_close=True)
    assert answer == b"" or _status(answer) in {200, 400}


def test_pipelined_requests_are_answered_in_order(server: ServerProcess) -> None:
    keys = ("k", "none", "k")
    requests = [_request(f"GET /_api/document/c/{key}", connection="keep-alive") for key in keys]
    closing = _request("POST /_api/document/c", b"{")
    answer = _send(server, b"".join(requests) + closing)
    statuses = [part.split(b" ", 1)[0] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200", b"400"]


def test_a_request_cut_anywhere_is_the_same_request(server: ServerProcess) -> None:
    request = _request("POST /_api/document/c?returnNew=true", b'{"v":"whole"}')
    with socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(0, len(request), 7):
            connection.sendall(request[position : position + 7])
            time.sleep(0.001)
        answer = _drain(connection)
    assert _status(answer) == 202
    assert b'"v":"whole"' in answer


def test_a_client_that_leaves_in_the_middle_of_its_body_writes_nothing(server: ServerProcess) -> None:
    count = server.call("GET", "/_api/collection/c/count").expect(200)["count"]
    for body in (b'{"v":', b'{"v":1}'):
        request = _request("POST /_api/document/c", content_length="100") + body
        assert _send(server, request, half_close=True) == b""
    assert server.call("GET", "/_api/collection/c/count").expect(200)["count"] == count


def test_a_chunked_body_is_a_body(server: ServerProcess) -> None:
    head = _chunked("connection: close")
    assert _status(_send(server, head + b"2\r\n{}\r\n0\r\n\r\n")) == 202
    broken = _send(server, head + b"zz\r\n{}\r\n0\r\n\r\n", half_close=True)
    assert broken == b"" or _status(broken) == 400


def _chunked(field: str) -> bytes:
    return (
        f"POST /_api/document/c HTTP/1.1\r\nhost: x\r\n{field}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    )


def test_slow_clients_do_not_hold_up_others(server: ServerProcess) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(100)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(_request("POST /_api/document/c", content_length="100")[: 10 + number])
        began = time.monotonic()
        with ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(lambda _: server.call("GET", "/_api/document/c/k"), range(50)))
        assert {reply.status for reply in replies} == {200}
        assert time.monotonic() - began < 5
    finally:
        for connection in slow:
            connection.close()


async def test_a_request_that_never_ends_is_408(tmp_path: Path) -> None:
    world = replace(open_world(tmp_path / "data"), network=RealNetwork(Patience(headers_s=0.3)))
    port = free_port()
    words = ("--server.endpoint", f"tcp://127.0.0.1:{port}", "--database.directory", str(tmp_path / "data"))
    server = Server(world, parse(words), lambda level, text: None)
    running = asyncio.create_task(server.run())
    try:
        reader, writer = await _connected(port)
        writer.write(b"GET /_api/version HTTP/1.1\r\nhost: x\r\nx-slow: ")
        for _ in range(3):
            await asyncio.sleep(0.05)
            writer.write(b"y")
        assert _status(await asyncio.wait_for(reader.read(), 10)) == 408
        writer.close()
    finally:
        server.stop()
        await running


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a server that is just starting."""
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            return await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("body", [b'{"a":' * 200 + b"1" + b"}" * 200, b'{"v":["' + b"x" * 1_000_000 + b'"]}'])
def test_what_is_large_but_legal_is_stored(server: ServerProcess, body: bytes) -> None:
    stored = json.loads(_send(server, _request("POST /_api/document/c", body)).partition(b"\r\n\r\n")[2])
    read = server.call("GET", f"/_api/document/{stored['_id']}").expect(200)
    assert {name: value for name, value in read.items() if name[0] != "_"} == json.loads(body)


def test_unknown_query_parameters_and_members_are_ignored(server: ServerProcess) -> None:
    line = "GET /_api/document/c/k?nothing=1&&=&a=b=c&%ff=%zz"
    assert _status(_send(server, _request(line))) == 200
    body = b'{"name":"tolerant","numberOfShards":9,"nothing":[1]}'
    assert _status(_send(server, _request("POST /_api/collection", body))) == 200
