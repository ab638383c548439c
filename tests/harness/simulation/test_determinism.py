"""Equal seeds give equal runs, in any process; and a server that breaks this is found out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.life import live
from tests.harness.simulation.scenario import plan

_ROOT = Path(__file__).parents[3]


def _hash(seed: int, hash_seed: int, *words: str) -> str:
    command = [sys.executable, "-m", "tests.harness.simulation.scenario", str(seed), *words]
    variables = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(command, cwd=_ROOT, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_process_with_another_hash_seed_does_the_same(seed: int) -> None:
    assert _hash(seed, 1) == _hash(seed, 2) == live(plan(seed)).trace_sha256


def test_a_set_of_strings_in_the_server_is_caught() -> None:
    assert len({_hash(1, hash_seed, "careless") for hash_seed in (1, 2, 3)}) > 1


def test_a_second_life_in_the_same_process_is_the_same() -> None:
    assert live(plan(4)).trace_sha256 == live(plan(4)).trace_sha256


def test_seeds_differ() -> None:
    assert live(plan(5)).trace_sha256 != live(plan(6)).trace_sha256


def test_the_history_is_in_the_trace() -> None:
    from harness.run import cast  # noqa: PLC0415 - beside its one use

    parts = cast(plan(1), keep_trace=True)
    life = live(plan(1), parts)
    lines = parts.environment.simulation.trace.lines  # type: ignore[union-attr]  # a simulation
    operations = [line for line in lines if line.startswith('{"index"')]
    assert len(operations) == len(life.history)
