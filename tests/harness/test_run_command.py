"""`pestle run` and `pestle list` as far as no host is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.command import Exit, pestle
from harness.command.run import command as run_command

RUN = ["run", "--env", "lab", "--topology", "leader-follower", "--workload", "register", "--nemesis", "kill"]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(pestle, words)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--workload", "register,nonsense"], "no workload 'nonsense'; there are: agency_register"),
        (["--nemesis", "earthquake"], "no nemesis 'earthquake'; there are: agents, clock, disk"),
        (["--nemesis", "none,kill"], "no nemesis 'none'"),
        (["--database", "mysql"], "no database 'mysql'; there are: arangodb, reference"),
        (["--env", "moon"], "no environment 'moon'; there are: lab"),
        (["--env", "ssh"], "--inventory"),
        (["--env", "ssh", "--inventory", "/does/not/exist"], "cannot be read"),
        (["--env", "ssh", "--inventory", "/dev/null"], "names no hosts"),
        (["--topology", "ring"], "no topology 'ring'; there are: single, leader-follower"),
        (["--workload", "leader_follower", "--topology", "single"], "needs the topology leader-follower"),
        (["--workload", "register,set", "--concurrency", "1"], "need a --concurrency"),
        (["--time-limit", "0"], "above zero"),
        (["--name", "a/b"], "letters"),
        (["--workload", ""], "at least one workload"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence_and_leaves_nothing(
    tmp_path: Path, wrong: list[str], says: str
) -> None:
    done = invoke(*RUN, "--results", str(tmp_path / "results"), *wrong)
    assert done.exit_code == Exit.USAGE
    assert says in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("missing", ["--env", "--topology", "--workload", "--nemesis"])
def test_what_must_be_chosen_is_asked_for(missing: str) -> None:
    place = RUN.index(missing)
    done = invoke(*RUN[:place], *RUN[place + 2 :])
    assert done.exit_code != 0
    assert f"Missing option '{missing}'" in done.output


def test_help_has_examples_and_the_exit_codes() -> None:
    text = invoke("run", "--help").output
    assert "pestle run --env lab --topology leader-follower" in text
    assert "2 inconclusive" in " ".join(text.split())


def test_every_option_has_a_help_text() -> None:
    assert all(getattr(option, "help", None) for option in run_command.params)


def test_list_shows_every_kind_with_a_line_for_each_part() -> None:
    text = invoke("list").output
    for word in ("workload:", "nemesis:", "database:", "environment:", "  register ", "  kill ", "  ssh "):
        assert word in text


def test_list_as_json(tmp_path: Path) -> None:
    found = json.loads(invoke("list", "--json", "-").output)
    assert found["schema"] == 1
    assert set(found) == {"schema", "workload", "nemesis", "database", "environment"}
    invoke("list", "--json", str(tmp_path / "parts.json"))
    assert json.loads((tmp_path / "parts.json").read_text()) == found
