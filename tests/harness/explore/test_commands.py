"""`pestle explore`, `replay` and `shrink` as they are typed, in the simulated world."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.command import pestle
from harness.explore import kills, regression

ROOT = Path(__file__).parents[3]
LOSING = ("--topology", "single", "--workload", "set", "--nemesis", "power", "--defect", "missing-fsync")


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(pestle, [str(word) for word in words], standalone_mode=False)


def code(result: Result) -> int:
    if result.exception is not None:
        raise result.exception
    return int(result.return_value)


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A campaign that has found a planted defect, and the folder of the run that shows it."""
    results = tmp_path_factory.mktemp("results")
    found = typed(
        "explore", *LOSING, "--seeds", "1..40", "--stop-on", "first", "--jobs", "1", "--results", results
    )
    runs = sorted((results / "runs").glob("*/*"))
    assert runs, found.output
    return found, runs[0]


def test_campaign_finds_a_planted_defect_and_keeps_the_run(failing: tuple[Result, Path]) -> None:
    found, run = failing
    assert code(found) == 1
    assert "LF-WAL: lost-write in set after power" in found.output
    assert f"pestle shrink {run}" in found.output
    assert found.output.splitlines()[-1].startswith(
        "repeat:  pestle explore --topology single --workload set"
    )
    kept = {file.name for file in run.iterdir()}
    assert {"test.json", "history.jsonl", "results.json", "report.html", "trace.txt", "tape.json"} <= kept
    assert json.loads((run / "test.json").read_text())["command"] == f"pestle replay {run}"


def test_correct_build_shows_no_violation_and_the_bound(tmp_path: Path) -> None:
    options = (
        "--topology",
        "leader-follower",
        "--workload",
        "set",
        "--seeds",
        "1..2",
        "--jobs",
        "1",
        "--results",
        tmp_path,
    )
    result = typed("explore", *options, "--json", tmp_path / "found.json")
    said = json.loads((tmp_path / "found.json").read_text())
    assert code(result) == said["exit_code"] != 1
    assert said["anomalies"] == said["crashes"] == []
    assert sum(said["statistics"]["verdicts"].values()) == 2
    assert re.fullmatch(r"[0-9a-f]{64}", said["trace_sha256"])
    again = typed("explore", *options, "--json", tmp_path / "again.json")
    assert code(again) == code(result)
    assert json.loads((tmp_path / "again.json").read_text())["trace_sha256"] == said["trace_sha256"]


def test_replay_of_a_run_is_the_same_run(failing: tuple[Result, Path], tmp_path: Path) -> None:
    _, run = failing
    result = typed("replay", run, "--results", tmp_path)
    assert code(result) == 1
    assert "the same run: " in result.output
    assert result.output.splitlines()[-1] == f"repeat: pestle replay {run}"


def test_replay_on_another_build_says_where_it_parts(failing: tuple[Result, Path], tmp_path: Path) -> None:
    _, run = failing
    result = typed("replay", run, "--healthy", "--results", tmp_path)
    assert code(result) == 255
    parted = re.search(r"they part at event ([\d,]+)\n  before: (.+)\n  now:    (.+)\n", result.output)
    assert parted is not None
    before = (run / "trace.txt").read_text().splitlines()
    assert before[int(parted[1].replace(",", "")) - 1] == parted[2] != parted[3]


def test_replay_without_a_kept_trace_compares_histories(tmp_path: Path) -> None:
    options = ("--topology", "single", "--workload", "set", "--nemesis", "kill", "--time-limit", "4")
    first = typed(
        "run", "--env", "simulation", "--nodes", "1", *options, "--seed", "5", "--results", tmp_path
    )
    assert code(first) == 2
    (run,) = (tmp_path / "runs").glob("*/*")
    assert "the same run: " in typed("replay", run, "--results", tmp_path / "again").output
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps({**results, "trace_sha256": "0"}))
    history = (run / "history.jsonl").read_text().splitlines()
    (run / "history.jsonl").write_text("\n".join([*history[:9], "another line", *history[10:]]) + "\n")
    result = typed("replay", run, "--results", tmp_path / "again")
    assert code(result) == 255
    assert "they part at line of the history (no trace was kept) 10\n  before: another line" in result.output


def test_replay_of_a_seed_lives_it_twice(tmp_path: Path) -> None:
    result = typed("replay", "3", "--topology", "single", "--workload", "set", "--results", tmp_path)
    assert code(result) in (0, 2)
    assert "seed 3: single, 1 nodes, set" in result.output
    assert "lived twice, the same run: " in result.output


def test_shrink_ends_with_a_few_steps_none_of_which_can_be_spared(
    failing: tuple[Result, Path], tmp_path: Path
) -> None:
    _, run = failing
    result = typed("shrink", run, "--results", tmp_path)
    assert code(result) == 1
    folder = tmp_path / "regressions" / "missing-fsync"
    tape, expected = regression.load(folder)
    left = len(tape.faults) + len(tape.steps)
    assert 2 <= left <= 4
    assert [need.without for need in expected.needs] == ["no violation"] * left
    assert f"removing any one of the {left} remaining steps makes it pass" in result.output
    assert regression.check(folder) == []

    played = typed("replay", "--tape", folder, "--results", tmp_path)
    assert code(played) == 1
    assert "shows LF-WAL: lost-write" in played.output
    healthy = typed("replay", "--tape", folder, "--healthy", "--results", tmp_path)
    assert code(healthy) != 1
    assert "does not show LF-WAL: lost-write" in healthy.output


def test_what_is_not_shown_to_be_one_minimal_is_no_regression(
    failing: tuple[Result, Path], tmp_path: Path
) -> None:
    _, run = failing
    result = typed("shrink", run, "--time", "0.001", "--results", tmp_path)
    assert code(result) == 2
    assert "not shown to be 1-minimal: time was over" in result.output
    assert regression.stored(tmp_path) == ()
    assert f"repeat: pestle replay --tape {run / 'shrunk'}" in result.output
    assert not regression.load(run / "shrunk")[1].one_minimal


def test_run_that_does_not_fail_cannot_be_shrunk(failing: tuple[Result, Path], tmp_path: Path) -> None:
    typed("replay", "3", "--topology", "single", "--workload", "set", "--results", tmp_path)
    run = next((tmp_path / "runs").glob("*/*"))
    result = typed("shrink", run, "--results", tmp_path)
    assert code(result) == 2
    assert "shows no such anomaly" in result.output


def test_dry_run_prints_the_swarms_and_lives_none() -> None:
    result = typed("explore", "--topology", "single", "--seeds", "1..3", "--dry-run")
    assert [line.partition(":")[0] for line in result.output.splitlines()] == ["seed 1", "seed 2", "seed 3"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("explore", "--seeds", "5..2"), "has no seed in it"),
        (("explore", "--seeds", "x"), "not of the form A..B"),
        (("explore",), "Say when to end"),
        (("explore", "--seeds", "1", "--topology", "ring"), "nothing to explore of topology 'ring'"),
        (("explore", "--seeds", "1", "--defect", "no-such"), "There is no defect 'no-such'"),
        (("explore", "--seeds", "1", "--check"), "give --defects too"),
        (("replay", "no/such/folder"), "is no finished run"),
        (("replay", "--tape", "no/such/folder"), "keep tapes"),
        (("shrink", "no/such/folder"), "keep tapes"),
    ],
)
def test_senseless_command_is_refused_in_a_sentence(words: tuple[str, ...], complaint: str) -> None:
    error = typed(*words).exception
    assert error is not None
    assert complaint in str(getattr(error, "message", error))


def test_interrupted_campaign_keeps_what_was_found(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from harness.command import main; main()", "explore", *LOSING]
    command += ["--seeds", "1..", "--time", "60", "--jobs", "1", "--results", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 50
        while not list(tmp_path.glob("runs/*/*/tape.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=50)
    assert process.returncode == 1, err
    assert "interrupted: ending what is under way" in err
    assert "VIOLATION: " in out
    assert "repeat:  pestle explore" in out


def test_hunt_for_one_defect_says_what_killed_it_and_writes_no_matrix(tmp_path: Path) -> None:
    words = (
        "explore",
        "--defects",
        "--defect",
        "replay-begins-too-late",
        "--time-per-defect",
        "20",
        "--jobs",
        "1",
    )
    result = typed(*words, "--results", tmp_path)
    assert code(result) == 0
    assert "replay-begins-too-late: killed by seed" in result.output
    assert result.output.splitlines()[-1].startswith(
        "repeat: pestle explore --defects --defect replay-begins"
    )
    assert list(tmp_path.iterdir()) == []
    checked = typed("explore", "--defects", "--check", "--results", tmp_path)
    assert code(checked) == 2
    assert "stale: run `pestle explore --defects`" in checked.output


def test_what_was_killed_is_shrunk_and_kept(tmp_path: Path) -> None:
    (target,) = kills.targets(("replay-begins-too-late",))
    hunted = kills.hunt(target, 1, 20.0)
    survivor = replace(hunted, seed=None, found=())
    kills.write(tmp_path, [hunted, survivor], "pestle explore --defects")
    result = typed("shrink", "--defects", "--jobs", "1", "--results", tmp_path)
    assert code(result) == 0
    assert "1 of 1 are 1-minimal: median" in result.output
    (folder,) = regression.stored(tmp_path)
    assert regression.check(folder) == []
    nothing = typed("shrink", "--defects", "--results", tmp_path / "elsewhere")
    assert "`pestle explore --defects` makes it" in str(getattr(nothing.exception, "message", ""))
