"""Figures: what the benchmark of the server measures, the goal for each, and how each is measured.

One subject is the reference, the other Redis; both get the same steps, so that a figure of one means the same
as a figure of the other.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import uvloop

from harness.bench.load import BenchError, HttpReplies, Limit, Load, Replies, RespReplies, drive
from harness.bench.servers import REFERENCE, Cores, Product, Server, redis, running

DOCUMENT = b'{"name":"' + b"n" * 60 + b'","text":"' + b"t" * 109 + b'","v":12345}'
"""200 bytes."""
KEYS = 10_000
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure: its unit, what it should be, and whether more or less of it is good."""

    name: str
    unit: Literal["/s", "s", "B"]
    bound: float
    better: Literal["more", "less"]

    def met(self, value: float) -> bool:
        """Whether the goal is reached."""
        return value >= self.bound if self.better == "more" else value <= self.bound


INSERTS = Goal("single-document inserts", "/s", 8_000, "more")
READS = Goal("single-document reads", "/s", 12_000, "more")
SYNCED = Goal("inserts with waitForSync", "/s", 4_000, "more")
START = Goal("cold start to first answer", "s", 0.4, "less")
MEMORY = Goal("memory per 200-byte document", "B", 1_024, "less")
RESTART = Goal("restart after kill -9, all documents counted", "s", 10.0, "less")
GOALS = (INSERTS, READS, SYNCED, START, MEMORY, RESTART)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. `load` and `server_cpu_s`, what it cost the server, are None for what is no load."""

    value: float
    load: Load | None = None
    server_cpu_s: float | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    seconds: float
    documents: int
    starts: int
    connections: int


@dataclass(frozen=True, slots=True)
class Subject:
    """A product and its words for the same things."""

    product: Product
    synced: Product
    replies: Callable[[], Replies]
    prepare: bytes | None
    insert: Callable[[int], bytes]
    insert_synced: Callable[[int], bytes]
    read: Callable[[int], bytes]
    fill: Callable[[int], bytes]
    fills: int
    """Requests of `fill` that make BATCH documents."""
    counted: Callable[[int], tuple[bytes, bytes]]
    """For n documents: a request, and what its answer contains if there are exactly n."""


def _http(method: str, target: str, body: bytes = b"") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _resp(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _fill(batch: int) -> bytes:
    body = b",".join(b'{"_key":"k%d",%s' % (n, DOCUMENT[1:]) for n in _batch(batch))
    return _http("POST", "/_api/document/bench?silent=true", b"[" + body + b"]")


def _batch(batch: int) -> range:
    return range(batch * BATCH, (batch + 1) * BATCH)


_INSERT = _http("POST", "/_api/document/bench", DOCUMENT)
_INSERT_SYNCED = _http("POST", "/_api/document/bench?waitForSync=true", DOCUMENT)

ARANGO = Subject(
    product=REFERENCE,
    synced=REFERENCE,
    replies=lambda: HttpReplies(200, 201, 202),
    prepare=_http("POST", "/_api/collection", b'{"name":"bench"}'),
    insert=lambda _: _INSERT,
    insert_synced=lambda _: _INSERT_SYNCED,
    read=lambda n: _http("GET", f"/_api/document/bench/k{n * 7919 % KEYS}"),
    fill=_fill,
    fills=1,
    counted=lambda n: (_http("GET", "/_api/collection/bench/count"), b'"count":%d' % n),
)


def redis_subject() -> Subject | None:
    """Redis, if it is installed. Documents are strings under keys; it has no server-made keys."""
    everysec, always = redis("everysec"), redis("always")
    if everysec is None or always is None:
        return None
    return Subject(
        product=everysec,
        synced=always,
        replies=RespReplies,
        prepare=None,
        insert=lambda n: _resp(b"SET", b"n%d" % n, DOCUMENT),
        insert_synced=lambda n: _resp(b"SET", b"n%d" % n, DOCUMENT),
        read=lambda n: _resp(b"GET", b"k%d" % (n * 7919 % KEYS)),
        fill=lambda n: _resp(b"SET", b"k%d" % n, DOCUMENT),
        fills=BATCH,
        counted=lambda n: (_resp(b"DBSIZE"), b":%d\r\n" % n),
    )


def measure(subject: Subject, effort: Effort, cores: Cores, say: Callable[[str], None]) -> dict[str, Figure]:
    """Every figure of one subject, by the name of its goal. Raises BenchError."""
    figures: dict[str, Figure] = {}
    with _scratch() as scratch:
        say(f"{subject.product.name}: cold start, {effort.starts} times")
        _start(
            subject, scratch / "first", cores
        )  # it may have to compile what every later one finds compiled
        figures[START.name] = Figure(
            statistics.median(_start(subject, scratch / f"start-{n}", cores) for n in range(effort.starts))
        )
        with running(subject.product, scratch / "load", cores) as server:
            _prepare(subject, server, KEYS)
            for goal, request in ((INSERTS, subject.insert), (READS, subject.read)):
                say(f"{subject.product.name}: {goal.name}, {effort.seconds:g} s")
                figures[goal.name] = _loaded(subject, server, request, effort)
        with running(subject.synced, scratch / "synced", cores) as server:
            _prepare(subject, server, BATCH)
            say(f"{subject.product.name}: {SYNCED.name}, {effort.seconds:g} s")
            figures[SYNCED.name] = _loaded(subject, server, subject.insert_synced, effort)
        figures |= _filled(subject, scratch / "filled", effort, cores, say)
    return figures


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pestle-bench-") as folder:
        yield Path(folder)


def _start(subject: Subject, directory: Path, cores: Cores) -> float:
    with running(subject.product, directory, cores) as server:
        return server.start_s


def _prepare(subject: Subject, server: Server, documents: int) -> None:
    """Make the collection and `documents` documents under known keys."""
    prepare = subject.prepare
    if prepare is not None:
        _requests(subject, server, lambda _: prepare, 1, 1)
    if documents:
        _requests(subject, server, subject.fill, documents // BATCH * subject.fills, 4)


def _requests(
    subject: Subject, server: Server, request: Callable[[int], bytes], number: int, connections: int
) -> None:
    limit = Limit(requests=number)
    uvloop.run(drive(server.port, subject.replies, request, connections=connections, limit=limit))


def _loaded(subject: Subject, server: Server, request: Callable[[int], bytes], effort: Effort) -> Figure:
    """Rate under `effort.connections`. The server's CPU time is scaled to the measured part of the load."""
    limit = Limit(seconds=effort.seconds, warm_up_s=effort.seconds / 5)
    before = server.cpu_s()
    load = uvloop.run(
        drive(server.port, subject.replies, request, connections=effort.connections, limit=limit)
    )
    share = effort.seconds / (effort.seconds + limit.warm_up_s)
    return Figure(load.rate, load, (server.cpu_s() - before) * share)


def _filled(
    subject: Subject, directory: Path, effort: Effort, cores: Cores, say: Callable[[str], None]
) -> dict[str, Figure]:
    """Memory for each of many documents, then a kill and the time until all of them are counted again."""
    documents = max(effort.documents // BATCH, 1) * BATCH
    with running(subject.product, directory, cores) as server:
        _prepare(subject, server, 0)
        before = server.memory_bytes()
        say(f"{subject.product.name}: {documents:,} documents of 200 bytes")
        _requests(subject, server, subject.fill, documents // BATCH * subject.fills, 4)
        _check_count(subject, server, documents)
        memory = (server.memory_bytes() - before) / documents
    say(f"{subject.product.name}: restart with {documents:,} documents")
    with running(_counting(subject, documents), directory, cores) as server:
        return {MEMORY.name: Figure(memory), RESTART.name: Figure(server.start_s)}


def _counting(subject: Subject, documents: int) -> Product:
    """The product, counted as ready only when it has all its documents."""
    ping, good = subject.counted(documents)
    return Product(subject.product.name, subject.product.command, ping, good)


def _check_count(subject: Subject, server: Server, documents: int) -> None:
    ping, good = subject.counted(documents)
    answer = asyncio.run(_once(server.port, ping))
    if good not in answer:
        raise BenchError(f"{subject.product.name} does not count {documents:,} documents: {answer[-200:]!r}")


async def _once(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(65_536), 30)
    finally:
        writer.close()
