"""Whole lives of simulated clusters: the control arm, faults of every family, and what must be found."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.command import Exit, pestle
from harness.environment import HostError, Program
from harness.environments.simulation import SimulatedEnvironment
from harness.environments.simulation.disk import OpenFile
from harness.life import live
from harness.run import cast
from tests.harness.simulation.scenario import plan

FAMILIES = ("kill", "pause", "partition", "power", "clock", "slow", "disk")


@pytest.mark.parametrize("workload", ["register", "set", "leader_follower", "appliers"])
def test_without_faults_every_workload_is_clean(workload: str) -> None:
    life = live(plan(1, workloads=(workload,), nemeses=(), claim="fault-free", rate=100.0, time_limit_s=15.0))
    assert (life.results.exit_code, life.results.reasons) == (Exit.PASS, ())


@pytest.mark.parametrize("family", FAMILIES)
def test_under_faults_of_each_family_promises_hold(family: str) -> None:
    life = live(plan(3, nemeses=(family,), rate=100.0, time_limit_s=20.0, interval_s=4.0))
    assert (life.results.exit_code, life.results.reasons) == (Exit.PASS, ())
    assert all(fault.effective for fault in life.recorded.faults)
    assert life.recorded.faults


async def _claim_to_sync(self: OpenFile) -> None:
    """What a server does that forgets its fsync: nothing, after a while."""
    await asyncio.sleep(0.0002)


def test_a_server_that_does_not_sync_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenFile, "sync", _claim_to_sync)
    lives = [
        live(plan(seed, workloads=("set",), nemeses=("power",), rate=100.0, interval_s=3.0))
        for seed in range(3)
    ]
    names = {
        anomaly.name for life in lives for each in life.results.judged for anomaly in each.verdict.anomalies
    }
    assert "lost-write" in names


def test_the_command_runs_a_simulation_and_writes_its_trace(tmp_path: Path) -> None:
    words = "run --env simulation --topology leader-follower --workload set --nemesis kill --time-limit 12"
    arguments = [*words.split(), "--seed", "7", "--results", str(tmp_path), "--json", "-"]
    hashes = []
    for _ in range(2):
        done = CliRunner().invoke(pestle, arguments)
        assert done.exit_code == Exit.PASS, done.output
        hashes.append(json.loads(done.output)["trace_sha256"])
    assert hashes[0] == hashes[1]
    logs = [log.read_text() for log in sorted(tmp_path.glob("runs/*/*/nodes/*/arangod-ref.log"))]
    assert len(logs) == 6
    assert all("ready for business" in log for log in logs)


def test_shown_progress_does_not_move_the_trace(tmp_path: Path) -> None:
    words = "run --env simulation --topology single --workload register --nemesis none --claim fault-free"
    arguments = [*words.split(), "--time-limit", "12", "--seed", "7", "--results", str(tmp_path)]
    shown = CliRunner().invoke(pestle, arguments).output
    quiet = json.loads(CliRunner().invoke(pestle, [*arguments, "--json", "-"]).output)["trace_sha256"]
    assert f"trace:  {quiet}" in shown


def test_a_database_that_is_a_real_program_cannot_be_simulated() -> None:
    environment = SimulatedEnvironment(1, seed=1)
    with pytest.raises(HostError, match="cannot be simulated"):
        environment.simulation.run(environment.processes.start("n1", Program("arangod", (), 8529)))


def test_an_unknown_host_is_named() -> None:
    environment = SimulatedEnvironment(1, seed=1)
    with pytest.raises(HostError, match="n9 is none"):
        environment.simulation.run(environment.power.lose("n9"))


def test_a_program_does_not_start_without_power() -> None:
    environment = SimulatedEnvironment(1, seed=1)

    async def main() -> None:
        await environment.power.lose("n1")
        await environment.processes.start("n1", Program("arangod", (), 8529))

    with pytest.raises(HostError, match="no power"):
        environment.simulation.run(main())


def test_a_life_needs_a_simulation() -> None:
    with pytest.raises(ValueError, match="virtual time"):
        live(plan(1, environment="lab", nemeses=("kill",)))


def test_a_server_that_cannot_start_is_gone_and_its_log_says_why() -> None:
    parts = cast(plan(1))
    environment = parts.environment
    assert isinstance(environment, SimulatedEnvironment)

    async def main() -> str:
        await parts.database.setup(environment)
        await environment.processes.kill("n1", "arangod-ref")
        disk = environment.simulation.host("n1").disk
        disk.is_failing = True
        await parts.database.start(environment, "n1")
        await asyncio.sleep(1)
        return await environment.processes.state("n1", "arangod-ref")

    try:
        assert environment.simulation.run(main()) == "gone"
        assert "FATAL OSError" in environment.simulation.host("n1").logs["arangod-ref"][-1]
    finally:
        environment.simulation.run(environment.close())
