"""Replay: the same run again, and whether it was the same to the byte; if not, where it went another way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from harness.explore.kept import TRACE
from harness.explore.swarm import ENVIRONMENT, Swarm
from harness.explore.tape import FILE, read


class NoReplayError(ValueError):
    """This cannot be run again. The message says why."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run as its folder has it. `lines` are its trace's, or its history's where no trace was kept."""

    swarm: Swarm
    defect: str | None
    verdict: str
    trace_sha256: str
    lines: tuple[str, ...]
    is_trace: bool


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first event, counted from 1, that is not the same; a line is None where a run had ended."""

    event: int
    before: str | None
    now: str | None


def divergence(before: Sequence[str], now: Sequence[str]) -> Divergence | None:
    """Where two records part, or None."""
    for event, (one, other) in enumerate(zip_longest(before, now), 1):
        if one != other:
            return Divergence(event, one, other)
    return None


def earlier(folder: Path) -> Earlier:
    """The simulated run in a folder. Raises NoReplayError, or TapeError."""
    try:
        results = msgspec.json.decode((folder / "results.json").read_bytes())
        test = msgspec.json.decode((folder / "test.json").read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise NoReplayError(f"{folder} is no finished run: {error}") from error
    if test["environment"] != ENVIRONMENT:
        raise NoReplayError(
            f"{folder} is of --env {test['environment']}; only simulated runs can be replayed."
        )
    has_trace = (folder / TRACE).exists()
    record = folder / (TRACE if has_trace else "history.jsonl")
    swarm, defect = _choices(folder, test)
    return Earlier(
        swarm=swarm,
        defect=defect,
        verdict=results["verdict"],
        trace_sha256=results["trace_sha256"],
        lines=tuple(record.read_text().splitlines()),
        is_trace=has_trace,
    )


def _choices(folder: Path, test: dict[str, Any]) -> tuple[Swarm, str | None]:
    """From the tape of an explored run, or from `test.json` of one that `pestle run` made."""
    if (folder / FILE).exists():
        tape = read(folder)
        return tape.swarm, tape.defect
    names = ("seed", "topology", "interval_s", "time_limit_s", "rate", "concurrency", "op_timeout_s", "claim")
    return Swarm(
        node_count=len(test["nodes"]),
        workloads=tuple(test["workloads"]),
        nemeses=tuple(test["nemeses"]),
        **{name: test[name] for name in names},
    ), None
