"""What a person sees while a run goes on."""

from __future__ import annotations

import asyncio
import io

from checkers.history import NEMESIS, Op
from harness.progress import Progress
from tests.harness.virtual_time import in_virtual_time


def op(type_: str, process: int | str = 0) -> Op:
    return Op(0, 0, process, type_, "read")  # type: ignore[arg-type]  # the test's own words are right


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def a_minute(progress: Progress) -> None:
    async with progress.shown():
        progress.phase("safety")
        for _ in range(60):
            await asyncio.sleep(1)
            for _ in range(5):
                progress.record(op("invoke"))
                progress.record(op("ok"))
            progress.record(op("info", NEMESIS))


def test_line_says_phase_counts_rate_and_faults_in_force() -> None:
    progress = Progress(None)
    progress.faults_in_force = lambda: ("kill",)

    async def main() -> str:
        await a_minute(progress)
        return progress.line()

    line = in_virtual_time(main())
    assert line == "safety  60 s | 300 ok  0 fail  0 info | 5 ok/s | kill in force"


def test_without_a_terminal_there_is_a_line_every_ten_seconds() -> None:
    stream = io.StringIO()
    in_virtual_time(a_minute(Progress(stream)))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "safety ..."
    assert 5 <= len(lines[1:]) <= 6
    assert all("ok/s" in line for line in lines[1:])


def test_first_line_knows_the_rate_however_long_the_machine_is_up() -> None:
    async def later(progress: Progress) -> None:
        await asyncio.sleep(1_000_000)
        await a_minute(progress)

    stream = io.StringIO()
    in_virtual_time(later(Progress(stream)))
    assert "45 ok  0 fail  0 info | 4 ok/s" in stream.getvalue().splitlines()[1]


def test_on_a_terminal_the_line_changes_every_second_and_goes_away() -> None:
    stream = Terminal()
    in_virtual_time(a_minute(Progress(stream)))
    assert stream.getvalue().count("ok/s") >= 59
    assert stream.getvalue().rstrip("\n").endswith("\x1b[2K")


def test_without_a_stream_nothing_is_shown() -> None:
    progress = Progress(None)
    in_virtual_time(a_minute(progress))
