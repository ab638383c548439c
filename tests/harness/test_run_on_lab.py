"""`pestle run` as a user runs it, against real servers on the nodes of a lab."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checkers import codec
from harness.lab import lifecycle
from harness.lab.plan import Plan
from tests.harness.lab.rig import eventually, lab_name, leftovers, needs_lab, on_node

pytestmark = needs_lab

NAME = lab_name("run")


@pytest.fixture(scope="module")
def lab() -> Iterator[Plan]:
    try:
        yield lifecycle.up(NAME, 3, 64)
    finally:
        lifecycle.down(NAME)
        assert leftovers(NAME) == []


PESTLE = Path(sys.executable).with_name("pestle")


def start(folder: Path, options: str) -> subprocess.Popen[str]:
    common = ["--env", "lab", "--lab", NAME, "--results", str(folder), "--seed", "5"]
    return subprocess.Popen(
        [PESTLE, "run", *common, *options.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str], code: int) -> str:
    output, _ = process.communicate(timeout=110)
    assert process.returncode == code, output
    return output


def run_folder(folder: Path) -> Path:
    (found,) = folder.glob("runs/*/*")
    return found


def results_in(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run_folder(folder) / "results.json").read_text())
    return content


def rules(lab: Plan) -> str:
    """Every firewall rule of Pestle on any node."""
    saved = "".join(on_node(lab, node, "iptables -S") for node in lab.nodes)
    return "\n".join(line for line in saved.splitlines() if "PESTLE" in line)


def clean(lab: Plan) -> bool:
    # The brackets keep the shell that runs the command from finding itself.
    running = "".join(on_node(lab, node, "pgrep -f '[r]eference'", check=False) for node in lab.nodes)
    return not rules(lab) and not running


def test_leader_and_followers_pass_under_faults_that_bite(lab: Plan, tmp_path: Path) -> None:
    process = start(
        tmp_path,
        "--topology leader-follower --workload register,set,leader_follower"
        " --nemesis kill,pause,partition --time-limit 20",
    )
    output = finish(process, 0)
    results = results_in(tmp_path)
    assert (results["verdict"], results["reasons"], results["anomalies"]) == ("valid", [], [])
    assert set(results["workloads"]) == {"register", "set", "leader_follower"}
    for family in ("kill", "pause", "partition"):
        assert results["faults"][family]["effective"] == results["faults"][family]["injected"] >= 1
    verdicts = {row["id"]: row["verdict"] for row in results["clauses"]}
    assert {verdicts["LF-WAL"], verdicts["LF-CONVERGE"], verdicts["LF-ORDER"]} == {"held"}
    assert verdicts["LF-LAG"] == "weakness demonstrated"
    folder = run_folder(tmp_path)
    assert {path.name for path in folder.iterdir()} >= {
        "test.json", "history.jsonl", "faults.jsonl", "results.json", "report.html", "junit.xml", "nodes"
    }  # fmt: skip
    assert (folder / "nodes" / "n1" / "arangod-ref.log").is_file()
    assert output.splitlines()[-3].startswith("PASS: ")
    assert "report.html" in output.splitlines()[-2]
    assert output.splitlines()[-1].startswith("repeat: pestle run --env lab")
    assert clean(lab)


def test_two_seconds_are_inconclusive(lab: Plan, tmp_path: Path) -> None:
    process = start(tmp_path, "--topology leader-follower --workload register --nemesis kill --time-limit 2")
    output = finish(process, 2)
    assert "INCONCLUSIVE: The time in which things could break lasted only 2" in output


def test_run_without_faults_that_claims_fault_tolerance_is_inconclusive(lab: Plan, tmp_path: Path) -> None:
    process = start(tmp_path, "--topology single --workload register --nemesis none --time-limit 3")
    finish(process, 2)
    reasons = results_in(tmp_path)["reasons"]
    assert any(reason.startswith("No fault was injected") for reason in reasons)


def injected(results: Path, family: str) -> bool:
    """Whether a fault is in force on all nodes it is for: the nemesis has said that it is done."""
    lines = [
        line for path in results.glob("runs/*/*/history.jsonl") for line in path.read_text().splitlines()
    ]
    return sum(f'"f":"start-{family}"' in line for line in lines) >= 2


def test_partition_rules_removed_by_hand_are_noticed(lab: Plan, tmp_path: Path) -> None:
    process = start(
        tmp_path,
        "--topology leader-follower --workload set --nemesis partition --time-limit 8 --interval 3",
    )
    eventually(lambda: injected(tmp_path, "partition"), within_s=30)
    for node in lab.nodes:
        on_node(
            lab,
            node,
            "for c in $(iptables -S | sed -n 's/^-N \\(PESTLE-.*\\)/\\1/p'); do iptables -F $c; done",
        )
    finish(process, 2)
    reasons = results_in(tmp_path)["reasons"]
    assert any("partition fault" in reason and "had no measured effect" in reason for reason in reasons), (
        reasons
    )


def test_killed_harness_leaves_a_history_and_nodes_that_heal_themselves(lab: Plan, tmp_path: Path) -> None:
    process = start(
        tmp_path,
        "--topology leader-follower --workload register --nemesis partition --time-limit 60 --interval 3",
    )
    eventually(lambda: bool(rules(lab)), within_s=30)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    history = run_folder(tmp_path) / "history.jsonl"
    assert len(codec.read(history)) > 50
    check = subprocess.run(
        [PESTLE, "check", history, "--checker", "linearizable", "--model", "cas-register"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert check.returncode == 0, check.stdout + check.stderr
    eventually(lambda: not rules(lab), within_s=30)


def test_interrupt_heals_judges_and_leaves_nothing(lab: Plan, tmp_path: Path) -> None:
    process = start(
        tmp_path,
        "--topology leader-follower --workload register"
        " --nemesis pause,partition --time-limit 60 --interval 2",
    )
    eventually(lambda: bool(rules(lab)), within_s=60)
    os.kill(process.pid, signal.SIGINT)
    began = time.monotonic()
    output = finish(process, 2)
    assert time.monotonic() - began < 30
    results = results_in(tmp_path)
    assert results["interrupted"]
    assert [phase["name"] for phase in results["phases"]] == ["setup", "safety", "heal", "liveness"]
    assert "interrupted" in output
    assert clean(lab)


def test_aborted_run_leaves_nothing_on_the_nodes(lab: Plan, tmp_path: Path) -> None:
    process = start(
        tmp_path,
        "--topology leader-follower --workload register --nemesis partition --time-limit 60 --interval 2",
    )
    eventually(lambda: bool(rules(lab)), within_s=60)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.2)  # two signals at once are one
    os.kill(process.pid, signal.SIGINT)
    assert "aborted" in finish(process, 255)
    assert clean(lab)
