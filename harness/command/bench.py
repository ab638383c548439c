"""`pestle bench`: how fast the reference server is, with the goal beside each figure; and the checkers."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import msgspec

from checkers.native import AVAILABLE
from checkers.native.registers import METHODS
from harness.bench import checkers as search_bench
from harness.bench import table
from harness.bench.figures import ARANGO, Effort, measure, redis_subject
from harness.bench.load import BenchError
from harness.bench.servers import Cores, apart
from harness.command import Exit, UserError

QUICK_SECONDS, QUICK_DOCUMENTS = 1.0, 100_000


@click.group()
def command() -> None:
    """Measure the reference server, or the checkers."""


@command.command()
@click.option("--quick", is_flag=True, help="At most 1 s per rate and 100,000 documents: a smoke test.")
@click.option("--documents", default=1_000_000, show_default=True, type=click.IntRange(1_000))
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.2), help="Per rate.")
@click.option("--connections", default=64, show_default=True, type=click.IntRange(1, 1_000))
@click.option("--gate", is_flag=True, help="Exit with 3 if a goal is missed.")
@click.option("--json", "json_file", metavar="FILE", help="Write the figures as JSON ('-': standard output).")
def server(
    *, quick: bool, documents: int, seconds: float, connections: int, gate: bool, json_file: str | None
) -> Exit:
    """Put load on one server over loopback and print each figure with its goal.

    The same load goes to redis-server if that is installed: everysec beside ordinary inserts, appendfsync
    always beside waitForSync. Data are kept in the folder for temporary files (TMPDIR), whose disk is
    measured too.
    """
    if not Path("/proc/self/stat").exists():
        raise UserError("The benchmark looks at processes through /proc: run it on Linux.")
    effort = Effort(
        seconds=min(seconds, QUICK_SECONDS) if quick else seconds,
        documents=min(documents, QUICK_DOCUMENTS) if quick else documents,
        starts=3 if quick else 7,
        connections=connections,
    )
    try:
        result = _measured(effort)
    except BenchError as error:
        click.echo(f"Error: {error}", err=True)
        return Exit.CRASH
    missed = any(not figure["met"] for figure in result["figures"])
    if gate:
        result["command"] += " --gate"
    _publish(result, json_file)
    return Exit.PERFORMANCE if gate and missed else Exit.PASS


@command.command()
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Per search.")
@click.option("--most", default=10_000, show_default=True, help="Leave out rows with more operations.")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--external", metavar="COMMAND", help="Another checker to stand beside; {} is the history's file."
)
@click.option("--json", "json_file", metavar="FILE", help="Write the figures as JSON ('-': standard output).")
def checkers(*, seconds: float, most: int, seed: int, external: str | None, json_file: str | None) -> Exit:
    """Judge generated histories of registers with each search: milliseconds, megabytes, verdict."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in (row for row in search_bench.GRID if row.operations <= most):
            path = search_bench.store(shape, seed, Path(folder))
            methods = [search_bench.READABLE, *(METHODS if AVAILABLE else ())]
            figures = {method: search_bench.measure(path, method, seconds) for method in methods}
            if external:
                figures["external"] = search_bench.measure_external(path, external)
            rows.append({"history": asdict(shape), "figures": figures})
            if json_file != "-":
                click.echo(search_bench.text(shape, figures))
    if json_file:
        content = msgspec.json.format(
            msgspec.json.encode({"schema": 1, "seed": seed, "rows": rows}), indent=1
        )
        click.echo(content) if json_file == "-" else Path(json_file).write_bytes(content + b"\n")
    return Exit.PASS


def _measured(effort: Effort) -> dict[str, Any]:
    """Both subjects' figures, the conditions they were measured in, and the line that repeats it."""
    load_before = os.getloadavg()[0]
    with apart() as cores:
        ours = measure(ARANGO, effort, cores, _progress)
        other = redis_subject()
        theirs = measure(other, effort, cores, _progress) if other else {}
    return {
        "schema": 1,
        "figures": table.rows(ours, theirs),
        "setting": _setting(effort, cores, load_before, redis=other is not None),
        "command": f"pestle bench server --seconds {effort.seconds:g} --documents {effort.documents} "
        f"--connections {effort.connections}",
    }


def _setting(effort: Effort, cores: Cores, load_before: float, *, redis: bool) -> list[str]:
    sentences = [
        f"One server, {cores.described}; {effort.connections} connections, {effort.seconds:g} s a rate; "
        f"{effort.documents:,} documents of 200 bytes for memory and restart.",
        f"Syncing 4 kB to the disk of {tempfile.gettempdir()} takes {_sync_s() * 1e6:,.0f} \u00b5s (median).",
        f"{os.cpu_count()} cores, load average {load_before:.1f} before. Other work makes rates lower and "
        "times longer; answers for each second of the server's CPU hardly change.",
        f"Cold start: the median of {effort.starts} new processes with empty data. One before them, which is "
        "not counted, lets Python compile what is not compiled yet.",
    ]
    if not redis:
        sentences.append("redis-server is not installed, so nothing stands beside the figures.")
    return sentences


def _sync_s() -> float:
    """The median time of fdatasync after appending 4 kB."""
    with tempfile.TemporaryFile() as file:
        times = []
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def _progress(sentence: str) -> None:
    click.echo(sentence, err=True)


def _publish(result: dict[str, Any], json_file: str | None) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(result), indent=1).decode() + "\n"
    if json_file == "-":
        click.echo(encoded, nl=False)
        return
    if json_file:
        Path(json_file).write_text(encoded, encoding="utf-8")
    click.echo(table.text(result["figures"]))
    click.echo()
    for sentence in result["setting"]:
        click.echo(sentence)
    click.echo(f"Repeat: {result['command']}")
