"""Names become parts, and a plan becomes the line that repeats it."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan import KINDS, NEMESIS, WORKLOAD, Plan, UnknownNameError, fitting_interval_s, load, parts

PLAN = Plan(
    environment="lab",
    topology="leader-follower",
    workloads=("register", "set"),
    nemeses=("kill", "pause"),
    time_limit_s=60,
    rate=100,
    concurrency=5,
    seed=7,
    interval_s=6,
)


def test_every_part_says_in_one_line_what_it_is() -> None:
    for kind in KINDS:
        found = parts(kind)
        assert found
        assert all(found.values()), f"a {kind.word} without a docstring"


def test_parts_of_parts_are_no_parts() -> None:
    assert {"kill", "pause", "partition"} <= set(parts(NEMESIS))
    assert not any(name.startswith("_") for name in parts(NEMESIS))
    assert "generator" not in parts(WORKLOAD)


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match=r"no workload 'regster'; there are: .*register"):
        load(WORKLOAD, "regster")


@pytest.mark.parametrize("name", ["../register", "harness.run", "os", "generator", ""])
def test_only_modules_of_the_kind_are_loaded(name: str) -> None:
    with pytest.raises(UnknownNameError):
        load(WORKLOAD, name)


def test_threads_are_shared_out_without_remainder() -> None:
    assert PLAN.shares == {"register": 3, "set": 2}


@pytest.mark.parametrize(
    "wrong",
    [
        {"workloads": ()},
        {"workloads": ("set", "set")},
        {"concurrency": 1},
        {"time_limit_s": 0},
        {"rate": -1},
        {"interval_s": 0},
        {"name": "../../etc"},
        {"name": ".."},
    ],
)
def test_plan_that_cannot_be_run_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"workload|zero|letters"):
        replace(PLAN, **wrong)


def test_command_names_everything_that_is_not_a_default() -> None:
    words = shlex.split(
        replace(PLAN, inventory=Path("my hosts.toml"), claim="fault-free", nemeses=()).command
    )
    assert words[:2] == ["pestle", "run"]
    options = dict(zip(words[2::2], words[3::2], strict=True))
    assert options["--inventory"] == "my hosts.toml"
    assert options["--nemesis"] == "none"
    assert options["--claim"] == "fault-free"
    assert options["--seed"] == "7"
    assert "--nodes" not in options


@given(interval_s=st.floats(1e-3, 1e6), rate=st.floats(1e-3, 1e6))
def test_repeated_run_has_the_same_numbers_to_the_last_bit(interval_s: float, rate: float) -> None:
    words = shlex.split(replace(PLAN, interval_s=interval_s, rate=rate).command)
    options = dict(zip(words[2::2], words[3::2], strict=True))
    assert (float(options["--interval"]), float(options["--rate"])) == (interval_s, rate)


@given(time_limit_s=st.floats(1, 10_000), families=st.integers(1, 6))
def test_fitting_interval_leaves_every_family_its_turn(time_limit_s: float, families: int) -> None:
    interval_s = fitting_interval_s(time_limit_s, families)
    latest_last_start = (2 * families - 1) * 1.5 * interval_s
    assert latest_last_start + interval_s / 2 <= time_limit_s
