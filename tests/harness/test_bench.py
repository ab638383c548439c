"""The benchmark: its load counts right, its goals are judged right, and it runs from start to end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from harness.bench import figures, table
from harness.bench.figures import ARANGO, GOALS, MEMORY, READS, Figure
from harness.bench.load import BenchError, HttpReplies, Limit, Load, RespReplies, drive
from harness.bench.servers import Cores, Product, apart, running
from harness.command import Exit
from harness.command.bench import command

OK = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def serving(answer: Callable[[int], bytes]) -> AsyncIterator[int]:
    """A server on a free port: the n-th request on a connection gets `answer(n)`; b"" hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while await reader.read(65_536):
            reply = answer(number)
            if not reply:
                break
            writer.write(reply)
            number += 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def request(_: int) -> bytes:
    return b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def http() -> HttpReplies:
    return HttpReplies(200, 201, 202)


async def test_every_request_is_sent_and_counted_once() -> None:
    seen: list[int] = []

    def numbered(n: int) -> bytes:
        seen.append(n)
        return request(n)

    async with serving(lambda _: OK) as port:
        load = await drive(port, http, numbered, connections=7, limit=Limit(requests=100))
    assert load.answers == 100
    assert seen == list(range(100))
    assert 0 < load.p50_s <= load.p99_s


async def test_warm_up_is_not_counted() -> None:
    async with serving(lambda _: OK) as port:
        load = await drive(port, http, request, connections=2, limit=Limit(seconds=0.1, warm_up_s=0.1))
    assert 0.05 < load.seconds < 0.15
    assert load.rate == pytest.approx(load.answers / load.seconds)


async def test_error_of_the_server_ends_the_measurement_with_its_words() -> None:
    bad = b'HTTP/1.1 404 Not Found\r\ncontent-length: 22\r\n\r\n{"errorMessage":"what"}'
    async with serving(lambda n: OK if n < 5 else bad) as port:
        with pytest.raises(BenchError, match=r"answered 404.*what"):
            await drive(port, http, request, connections=3, limit=Limit(seconds=5))


async def test_server_that_hangs_up_ends_the_measurement() -> None:
    async with serving(lambda n: OK if n < 3 else b"") as port:
        with pytest.raises(BenchError, match="closed a connection"):
            await drive(port, http, request, connections=2, limit=Limit(seconds=5))


async def test_answer_that_is_not_http_ends_the_measurement() -> None:
    async with serving(lambda _: b"+OK\r\n") as port:
        with pytest.raises(BenchError, match="not HTTP"):
            await drive(port, http, request, connections=1, limit=Limit(seconds=5))


@given(st.lists(st.binary(max_size=20) | st.none(), max_size=8), st.lists(st.integers(1, 9), min_size=1))
def test_answers_of_redis_are_counted_wherever_the_bytes_are_cut(
    values: list[bytes | None], cuts: list[int]
) -> None:
    stream = b"".join(b"+OK\r\n" if v is None else b"$%d\r\n%s\r\n" % (len(v), v) for v in values)
    replies, counted, turn = RespReplies(), 0, 0
    while stream:
        length = cuts[turn % len(cuts)]
        counted, stream, turn = counted + replies.feed(stream[:length]), stream[length:], turn + 1
    assert counted == len(values)


@pytest.mark.parametrize("answer", [b"-ERR wrong\r\n", b"$-1\r\n"])
def test_error_and_missing_key_of_redis_are_no_answers(answer: bytes) -> None:
    with pytest.raises(BenchError, match="redis-server answered"):
        RespReplies().feed(answer)


def test_goals_know_which_way_is_better() -> None:
    assert READS.met(12_000)
    assert not READS.met(11_999)
    assert MEMORY.met(1_024)
    assert not MEMORY.met(1_025)


def measured(factor: float) -> dict[str, Figure]:
    load = Load(answers=1_000, seconds=1, p50_s=0.001, p99_s=0.002, busy=0.5)
    return {
        goal.name: Figure(
            goal.bound * factor, load if goal.unit == "/s" else None, 0.25 if goal.unit == "/s" else None
        )
        for goal in GOALS
    }


def test_table_says_which_goals_are_missed_and_compares() -> None:
    records = table.rows(measured(0.5), measured(1.0))
    assert [record["met"] for record in records] == [False, False, False, True, True, True]
    assert {record["ratio"] for record in records} == {0.5}
    lines = table.text(records).splitlines()
    assert len(lines) == 1 + len(GOALS)
    assert "4,000/s" in lines[1]
    assert "\u2265 8,000/s  MISSED" in lines[1]
    assert "1.00 ms  2.00 ms" in lines[1]
    assert "\u2264 1,024 B  met" in lines[5]


def test_without_redis_its_columns_are_empty() -> None:
    records = table.rows(measured(1), {})
    assert all(record["redis"] is None and record["ratio"] is None for record in records)
    table.text(records)


def test_document_has_the_size_that_is_claimed() -> None:
    assert len(figures.DOCUMENT) == 200
    assert isinstance(msgspec.json.decode(figures.DOCUMENT), dict)
    batch = msgspec.json.decode(ARANGO.fill(3).partition(b"\r\n\r\n")[2])
    assert [document["_key"] for document in batch] == [f"k{n}" for n in range(3_000, 4_000)]


def test_program_that_does_not_serve_is_reported_with_its_last_words(tmp_path: Path) -> None:
    broken = Product("broken", lambda *_: ("sh", "-c", "echo no disk; exit 3"), b"x", b"y")
    with (
        pytest.raises(BenchError, match=r"broken ended with 3; its last words: no disk"),
        running(broken, tmp_path / "data", Cores(None, None)),
    ):
        pass


def test_server_may_store_what_it_compiled_even_if_we_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    script = "echo ${PYTHONDONTWRITEBYTECODE-unset}; exit 3"
    told = Product("told", lambda *_: ("sh", "-c", script), b"x", b"y")
    with (
        pytest.raises(BenchError, match="its last words: unset"),
        running(told, tmp_path / "data", Cores(None, None)),
    ):
        pass


def test_affinity_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    with apart() as cores:
        if cores.load is not None:
            assert os.sched_getaffinity(0) == {cores.load}
    assert os.sched_getaffinity(0) == before


def test_quick_bench_measures_every_goal_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("harness.command.bench.redis_subject", lambda: None)
    arguments = ["server", "--quick", "--seconds", "0.2", "--documents", "2000", "--json", "-"]
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert done.return_value == Exit.PASS, done.output
    result = msgspec.json.decode(done.stdout)
    assert [figure["name"] for figure in result["figures"]] == [goal.name for goal in GOALS]
    assert all(figure["value"] > 0 for figure in result["figures"])
    assert result["command"] == "pestle bench server --seconds 0.2 --documents 2000 --connections 64"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("factor", "gate", "code"), [(1, True, 0), (0.5, True, 3), (0.5, False, 0)])
def test_missed_goal_fails_only_behind_the_gate(
    factor: float, gate: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.command.bench.measure", lambda *_: measured(factor))
    arguments = ["server", "--quick", *(["--gate"] if gate else [])]
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert done.return_value == code
    assert done.stdout.splitlines()[-1].startswith("Repeat: pestle bench server --seconds 1")
