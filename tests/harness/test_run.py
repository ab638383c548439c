"""Whole runs in memory: every verdict, every reason for none, and every way to die."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from checkers.history import History, Op
from checkers.verdict import Anomaly, Limits, Verdict
from harness import run as run_module
from harness.run import Run
from tests.harness.world import Timed, World, broken
from tests.workloads.fake_database import FakeDatabase
from workloads.generator import PENDING, Context, Generator
from workloads.protocol.capabilities import Document


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing a report takes a second, and only one test looks at it."""
    monkeypatch.setattr(run_module, "write_report", lambda folder: None)


def results_of(world: World) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((world.folder.path / "results.json").read_text())
    return content


class Lossy(Timed, FakeDatabase):
    """Acknowledges a write in ten without doing it."""

    def commit(self, changes: Mapping[str, Document | None]) -> None:
        if self.random.random() < 0.9:
            super().commit(changes)


def test_good_database_under_effective_faults_passes(tmp_path: Path) -> None:
    world = World(tmp_path, workloads=("register", "leader_follower"))
    results = world.run()
    assert (results.exit_code, results.word, results.reasons) == (0, "valid", ())
    written = results_of(world)
    assert [phase["name"] for phase in written["phases"]] == ["setup", "safety", "heal", "liveness"]
    assert written["phases"][0]["end_ns"] == written["phases"][1]["start_ns"] == 0
    assert all(fault["injected"] == fault["effective"] >= 1 for fault in written["faults"].values())
    assert list(written["faults"]) == ["kill", "pause", "partition"]
    assert {row["verdict"] for row in written["clauses"]} <= {
        "held",
        "weakness demonstrated",
        "inconclusive",
        "weakness not demonstrated",
    }
    assert "held" in {row["verdict"] for row in written["clauses"]}
    assert written["statistics"]["operations"] == sum(
        sum(kinds.values()) for kinds in written["statistics"]["by_f"].values()
    )


def test_run_leaves_all_its_files(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run()
    found = {
        str(path.relative_to(world.folder.path)) for path in world.folder.path.rglob("*") if path.is_file()
    }
    assert found >= {
        "test.json",
        "history.jsonl",
        "faults.jsonl",
        "results.json",
        "junit.xml",
        "nodes/n1/server.log",
        "nodes/n2/server.log",
        "nodes/n3/server.log",
    }
    test = json.loads((world.folder.path / "test.json").read_text())
    assert test["nodes"] == ["n1", "n2", "n3"]
    assert test["database"] == {"name": "fake"}
    assert "--seed 1" in test["command"]
    faults = [json.loads(line) for line in (world.folder.path / "faults.jsonl").read_text().splitlines()]
    assert all(fault["effect"]["count"] > 0 and fault["nodes"] for fault in faults)
    assert ElementTree.parse(world.folder.path / "junit.xml").getroot().get("failures") == "0"
    assert world.hosts.closed == 1


def test_report_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    world = World(tmp_path)
    assert world.run().recorded.remarks == ()
    assert "<html" in (world.folder.path / "report.html").read_text()


def test_report_that_cannot_be_drawn_costs_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(folder: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(run_module, "write_report", failing)
    results = World(tmp_path).run()
    assert results.exit_code == 0
    assert "could not be drawn" in results.recorded.remarks[0]


def test_lost_writes_are_a_violation(tmp_path: Path) -> None:
    world = World(tmp_path, servers=Lossy(2))
    results = world.run()
    assert results.exit_code == 1
    written = results_of(world)
    assert written["verdict"] == "invalid"
    assert written["anomalies"][0]["operations"]
    assert written["sentence"].startswith(written["anomalies"][0]["sentence"])
    assert int(ElementTree.parse(world.folder.path / "junit.xml").getroot().get("failures", "0")) >= 1


def test_two_seconds_show_nothing(tmp_path: Path) -> None:
    results = World(tmp_path, time_limit_s=2.0, interval_s=0.2).run()
    assert results.exit_code == 2
    assert any("lasted only 2" in reason for reason in results.reasons)


def test_no_fault_shows_nothing_about_fault_tolerance(tmp_path: Path) -> None:
    results = World(tmp_path, nemeses=()).run()
    assert results.exit_code == 2
    assert any("No fault was injected" in reason for reason in results.reasons)


def test_control_arm_without_faults_passes(tmp_path: Path) -> None:
    results = World(tmp_path, nemeses=(), claim="fault-free").run()
    assert (results.exit_code, results.reasons) == (0, ())
    assert "without any fault" in results.sentence


def test_partition_that_somebody_removed_half_way_shows_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, nemeses=("partition",))

    async def cut_and_let_somebody_heal(cuts: Any) -> None:
        world.hosts.cuts.update(dict.fromkeys(cuts))
        asyncio.get_running_loop().call_later(2.9, world.hosts.cuts.clear)

    world.hosts.cut = cut_and_let_somebody_heal  # type: ignore[method-assign]  # a hand from outside
    results = world.run()
    assert results.exit_code == 2
    assert any("partition fault from" in r and "had no measured effect" in r for r in results.reasons)


def test_one_removed_link_of_a_partition_is_enough(tmp_path: Path) -> None:
    world = World(tmp_path, nemeses=("partition",))

    async def cut_all_but_one(cuts: Any) -> None:
        world.hosts.cuts.update(dict.fromkeys(list(cuts)[1:]))

    world.hosts.cut = cut_all_but_one  # type: ignore[method-assign]  # a firewall that forgets
    assert world.run().exit_code == 2


def test_kill_that_kills_nobody_shows_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, nemeses=("kill",))

    async def kill_nobody(node: str, program: str) -> None:
        pass

    world.hosts.kill = kill_nobody  # type: ignore[method-assign]  # a signal that does not arrive
    results = world.run()
    assert results.exit_code == 2
    assert any("0 processes gone" in reason for reason in results.reasons)


def test_fault_that_cannot_be_injected_is_a_reason_and_the_run_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path, nemeses=("pause",))
    setattr(world.hosts, "pause", broken)  # noqa: B010 - as in the test of teardown
    results = world.run()
    assert results.exit_code == 2
    assert any("pause fault" in r and "n2 is on fire" in r for r in results.reasons)
    assert results.recorded.liveness


def test_family_that_had_no_turn_shows_nothing(tmp_path: Path) -> None:
    results = World(tmp_path, time_limit_s=30.0, interval_s=19.0).run()
    assert results.exit_code == 2
    assert any("fault was injected in 30 s" in reason for reason in results.reasons)


def test_node_that_does_not_come_back_is_a_reason(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.product.unready["n3"] = None
    results = world.run()
    assert results.exit_code == 2
    assert any("n3 did not serve again" in reason for reason in results.reasons)


def test_links_that_stay_cut_after_healing_are_a_reason(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def heal_nothing() -> None:
        pass

    world.hosts.heal = heal_nothing  # type: ignore[method-assign]  # a firewall that keeps its rules
    results = world.run()
    assert results.exit_code == 2
    assert any("still cut after healing" in reason for reason in results.reasons)


def test_network_that_cannot_be_healed_is_a_reason_and_the_run_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path, nemeses=("kill",))
    setattr(world.hosts, "heal", broken)  # noqa: B010 - as in the test of teardown
    results = world.run()
    assert results.exit_code == 2
    assert any("network could not be healed" in reason for reason in results.reasons)
    assert results.recorded.liveness


def test_host_that_cannot_be_reached_is_a_crash_without_further_complaints(tmp_path: Path) -> None:
    world = World(tmp_path)
    setattr(world.hosts, "open", broken)  # noqa: B010 - as in the test of teardown
    results = world.run()
    assert (results.exit_code, results.recorded.remarks) == (255, ())
    assert results.sentence == "Pestle itself failed: HostError: n2 is on fire"


def test_too_few_operations_show_nothing(tmp_path: Path) -> None:
    results = World(tmp_path, rate=1.0).run()
    assert results.exit_code == 2
    assert any("operations succeeded in all" in reason for reason in results.reasons)
    assert any("that register needs succeeded" in reason for reason in results.reasons)


class Endless:
    """Never has anything, never ends."""

    def op(self, context: Context) -> Any:
        return PENDING, self

    def update(self, context: Context, event: Op) -> Generator:
        return self


def test_final_phase_that_does_not_end_shows_nothing_about_recovery(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.workloads["register"] = replace(world.workloads["register"], final_generator=Endless())
    results = world.run()
    assert results.exit_code == 2
    assert any("final phase" in reason for reason in results.reasons)


class Thoughtless:
    """A checker that fails, or finds nothing, or the worst."""

    def __init__(self, verdict: Verdict | None) -> None:
        self.verdict = verdict

    def check(self, history: History, limits: Limits) -> Verdict:
        if self.verdict is None:
            raise ZeroDivisionError
        return self.verdict


def test_checker_that_fails_is_inconclusive_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.workloads["register"] = replace(world.workloads["register"], checker=Thoughtless(None))
    results = world.run()
    assert results.exit_code == 2
    assert any("checker failed: ZeroDivisionError" in reason for reason in results.reasons)


def break_a_client(world: World, at: int) -> None:
    """The client's `at`th operation is answered with nonsense."""
    make = world.workloads["register"].client
    asked = 0

    class IllBehavedClient:
        def __init__(self, session: Any) -> None:
            self._client = make(session)

        async def invoke(self, op: Op) -> Any:
            nonlocal asked
            asked += 1
            return "yes" if asked == at else await self._client.invoke(op)

    world.workloads["register"] = replace(world.workloads["register"], client=IllBehavedClient)


def test_ill_behaved_client_is_a_crash_and_no_verdict(tmp_path: Path) -> None:
    world = World(tmp_path)
    break_a_client(world, at=400)
    results = world.run()
    assert results.exit_code == 255
    assert results.word == "unknown"
    assert any("IllBehaved" in reason for reason in results.reasons)
    assert "IllBehaved" in (world.folder.path / "crash.txt").read_text()
    assert world.hosts.closed == 1


def test_violation_outranks_a_crash(tmp_path: Path) -> None:
    world = World(tmp_path, servers=Lossy(2))
    break_a_client(world, at=400)
    results = world.run()
    assert results.recorded.crash is not None
    assert results.exit_code == 1


def test_database_that_cannot_be_set_up_is_a_crash_with_its_reason(tmp_path: Path) -> None:
    world = World(tmp_path)
    setattr(world.product, "setup", broken)  # noqa: B010 - as in the test of teardown
    results = world.run()
    assert results.exit_code == 255
    assert results.reasons == ("Pestle itself failed: HostError: n2 is on fire",)
    assert world.hosts.closed == 1


@pytest.mark.parametrize("step", ["collect", "close"])
def test_teardown_that_fails_costs_no_verdict(tmp_path: Path, step: str) -> None:
    world = World(tmp_path)
    setattr(world.hosts, step, broken)
    results = world.run()
    assert results.exit_code == 0
    assert any("n2 is on fire" in remark for remark in results.recorded.remarks)


def interrupt_at(seconds: float, times: int = 1) -> Any:
    def arrange(run: Run) -> None:
        for number in range(times):
            asyncio.get_running_loop().call_later(seconds + number, run.interrupt)

    return arrange


def test_interrupt_after_enough_still_gives_a_verdict(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.while_it_runs = interrupt_at(50)
    results = world.run()
    assert (results.exit_code, results.recorded.interrupted) == (0, True)
    assert results.recorded.safety_s == pytest.approx(49, abs=1)
    assert results.recorded.liveness
    assert not world.servers.down


def test_early_interrupt_heals_and_says_that_it_shows_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.while_it_runs = interrupt_at(6)
    results = world.run()
    assert results.exit_code == 2
    assert any("interrupted after 5.0 s" in reason for reason in results.reasons)
    assert set(world.hosts.states.values()) == {"running"}
    assert world.hosts.closed == 1


def test_interrupt_before_anything_ran_has_nothing_to_go_on_with(tmp_path: Path) -> None:
    world = World(tmp_path)
    answers: list[bool] = []
    world.while_it_runs = lambda run: answers.append(run.interrupt())
    world.record()
    assert answers == [False]


@pytest.mark.parametrize("at", [0.5, 20.0])
def test_abort_closes_the_environment_and_completes_the_history(tmp_path: Path, at: float) -> None:
    world = World(tmp_path)

    def abort(run: Run) -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(at, task.cancel)

    world.while_it_runs = abort
    with pytest.raises(asyncio.CancelledError):
        world.record()
    assert world.hosts.closed == 1
    assert all(pair.completion is not None for pair in world.folder.history().pairs)


def test_abort_while_closing_waits_until_everything_is_closed(tmp_path: Path) -> None:
    world = World(tmp_path, time_limit_s=10.0, interval_s=1.0)
    done: list[str] = []

    tasks: list[asyncio.Task[Any]] = []

    async def close_slowly() -> None:
        tasks[0].cancel()
        await asyncio.sleep(5)
        done.append("closed")

    def remember(run: Run) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)

    world.hosts.close = close_slowly  # type: ignore[method-assign]  # hosts that take their time
    world.while_it_runs = remember
    with pytest.raises(asyncio.CancelledError):
        world.record()
    assert done == ["closed"]


def test_history_is_on_disk_as_it_happens(tmp_path: Path) -> None:
    world = World(tmp_path)
    seen: list[int] = []

    def look(run: Run) -> None:
        for second in (10, 20, 30):
            asyncio.get_running_loop().call_later(second, lambda: seen.append(len(world.folder.history())))

    world.while_it_runs = look
    world.record()
    assert 0 < seen[0] < seen[1] < seen[2]


def test_workloads_have_threads_of_their_own_and_see_their_own_operations(tmp_path: Path) -> None:
    world = World(tmp_path, workloads=("register", "leader_follower"), concurrency=7)
    world.record()
    history = world.folder.history()
    threads = {
        name: {op.process % 7 for op in history.of_workload(name).clients if isinstance(op.process, int)}
        for name in ("register", "leader_follower")
    }
    assert threads == {"register": {0, 1, 2, 3}, "leader_follower": {4, 5, 6}}


def test_same_seed_gives_the_same_history(tmp_path: Path) -> None:
    histories = []
    for attempt in ("first", "second"):
        world = World(tmp_path / attempt)
        world.record()
        histories.append(world.folder.history_path.read_bytes())
    assert histories[0] == histories[1]


def test_anomaly_without_a_clause_is_no_less_a_violation(tmp_path: Path) -> None:
    world = World(tmp_path)
    found = Verdict(False, (Anomaly("odd", "Something odd happened."),))
    world.workloads["register"] = replace(world.workloads["register"], checker=Thoughtless(found))
    assert world.run().exit_code == 1
