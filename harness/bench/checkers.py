"""How long each search of registers takes, how much memory, and what it says, each in a process of its own.

`python -m harness.bench.checkers FILE METHOD SECONDS` is that process. Time is that of the search, with
turning operations into columns; memory is the peak of the process less its peak before the search.
"""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from checkers import codec
from checkers.budget import Budget
from checkers.linearizability import entries
from checkers.models import model
from checkers.native import registers
from checkers.search import search
from checkers.verdict import Limits
from harness.bench.registers import Shape, generate

READABLE = "readable"
GRID = (
    Shape(10_000, 5, 1, 5),
    Shape(10_000, 10, 1, 5),
    Shape(10_000, 10, 1, 5, unknown=0.05),
    Shape(10_000, 10, 1, 5, impossible=True),
    Shape(10_000, 20, 1, 5),
    Shape(10_000, 10, 1, 0),
    Shape(10_000, 20, 1, 0),
    Shape(10_000, 50, 1, 0),
    Shape(10_000, 100, 1, 0, unknown=0.05),
    Shape(10_000, 20, 1, 0, impossible=True),
    Shape(10_000, 10, 10, 5),
    Shape(100_000, 10, 100, 5),
)
_MEMORY = 2 * 2**30
_WORDS = {True: "valid", False: "invalid", None: "unknown"}


def store(shape: Shape, seed: int, folder: Path) -> Path:
    """Write the history of a row."""
    path = folder / "history.jsonl"
    codec.write(path, generate(shape, seed))
    return path


def measure(path: Path, method: str, limit_s: float) -> Mapping[str, Any]:
    """What one search says of the file, in a new process."""
    command = [sys.executable, "-m", "harness.bench.checkers", str(path), method, str(limit_s)]
    done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    answer: dict[str, Any] = msgspec.json.decode(done.stdout)
    return answer


def measure_external(path: Path, command: str) -> Mapping[str, Any]:
    """The user's checker: the whole command, in which {} is the file; its verdict is its exit code."""
    words = [word.replace("{}", str(path)) for word in shlex.split(command)]
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    verdict = f"exit {process.returncode}"
    return {"seconds": seconds, "memory_mb": usage.ru_maxrss / 1024, "verdict": verdict}


def text(shape: Shape, figures: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for people."""
    kind = "impossible" if shape.impossible else "correct"
    values = f"{shape.values} values" if shape.values else "unique values"
    head = (
        f"{shape.operations:,} operations, {shape.clients} clients, {shape.keys} keys, {values}, "
        f"{shape.unknown:.0%} unknown, {kind}"
    )
    lines = [
        f"  {name:<17}{figure['seconds'] * 1e3:10.1f} ms {figure['memory_mb']:7.0f} MB  {figure['verdict']}"
        for name, figure in figures.items()
    ]
    return "\n".join((head, *lines))


def _judge(path: Path, method: str, limit_s: float) -> Mapping[str, Any]:
    judge = model("cas-register")
    parts = {key: entries(judge, pairs) for key, pairs in judge.partition(codec.read(path).pairs).items()}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    budget = Budget(Limits(limit_s, _MEMORY))
    began = time.perf_counter()
    if method == READABLE:
        results = [search(judge, part, budget) for part in parts.values()]
    else:
        results = list(registers.search_all(judge, parts, budget, only=method, explained=False).values())
    seconds = time.perf_counter() - began
    answers = {result.linearizable for result in results}
    verdict = False if False in answers else None if None in answers else True
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"seconds": seconds, "memory_mb": memory, "verdict": _WORDS[verdict]}


if __name__ == "__main__":
    found = _judge(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
    sys.stdout.buffer.write(msgspec.json.encode(found))
