"""Each fault: injected, proven, healed. The proof must fail when the fault is not there."""

from __future__ import annotations

from types import ModuleType

import pytest

from harness.environment import HostError
from harness.nemeses import kill, partition, pause, power
from tests.harness.nemeses.fake import FakeEnvironment, options


async def test_killed_processes_count_until_they_are_started_again() -> None:
    environment = FakeEnvironment(3)
    nemesis = kill.package(options(environment)).nemesis
    done = await nemesis.inject(["n1", "n2"])
    assert done["killed"] == ["n1/server", "n2/server"]
    assert (await nemesis.probe()).count == 2
    await nemesis.heal()
    assert set(environment.processes.states.values()) == {"running"}
    assert (await nemesis.probe()).count == 0


async def test_a_process_that_survives_its_killing_is_no_effect() -> None:
    environment = FakeEnvironment(3)
    environment.processes.stubborn["n2"] = 1
    nemesis = kill.package(options(environment)).nemesis
    await nemesis.inject(["n2"])
    assert (await nemesis.probe()).count == 0


async def test_killing_what_is_down_already_is_no_effect() -> None:
    environment = FakeEnvironment(3)
    environment.processes.states["n2"] = "gone"
    nemesis = kill.package(options(environment)).nemesis
    assert (await nemesis.inject(["n2"]))["killed"] == []
    assert (await nemesis.probe()).count == 0


async def test_a_killed_process_that_somebody_restarts_is_no_effect_any_more() -> None:
    environment = FakeEnvironment(3)
    nemesis = kill.package(options(environment)).nemesis
    await nemesis.inject(["n1"])
    environment.processes.states["n1"] = "running"
    assert (await nemesis.probe()).count == 0


async def test_a_start_that_fails_at_first_is_repeated_until_it_holds() -> None:
    environment = FakeEnvironment(3)
    nemesis = kill.package(options(environment)).nemesis
    await nemesis.inject(["n1"])
    environment.processes.stubborn["n1"] = 2
    await nemesis.heal()
    assert environment.processes.states["n1"] == "running"


async def test_a_process_that_never_starts_again_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.nemeses._processes._HEAL_S", 0.3)
    environment = FakeEnvironment(3)
    nemesis = kill.package(options(environment)).nemesis
    await nemesis.inject(["n1"])
    environment.processes.stubborn["n1"] = 10_000
    with pytest.raises(HostError, match="n1/server"):
        await nemesis.heal()


async def test_paused_processes_count_until_they_go_on() -> None:
    environment = FakeEnvironment(3)
    nemesis = pause.package(options(environment)).nemesis
    await nemesis.inject(["n3"])
    assert (await nemesis.probe()).count == 1
    environment.processes.stubborn["n3"] = 2
    await nemesis.heal()
    assert environment.processes.states["n3"] == "running"
    assert (await nemesis.probe()).count == 0


async def test_a_pause_that_was_ended_by_another_hand_is_no_effect() -> None:
    environment = FakeEnvironment(3)
    nemesis = pause.package(options(environment)).nemesis
    await nemesis.inject(["n3"])
    environment.processes.states["n3"] = "running"
    assert (await nemesis.probe()).count == 0


async def test_a_partition_counts_the_packets_that_the_hosts_dropped() -> None:
    environment = FakeEnvironment(3)
    nemesis = partition.package(options(environment)).nemesis
    done = await nemesis.inject({"cuts": [["n1", "n2"], ["n2", "n1"]]})
    assert (await nemesis.probe()).count == 0
    environment.network.in_force["n1", "n2"] = 7
    effect = await nemesis.probe()
    assert (effect.count, effect.evidence["dropped"]) == (7, {"n1 -> n2": 7, "n2 -> n1": 0})
    await nemesis.heal()
    assert environment.network.in_force == {}
    assert (await partition.package(options(environment)).nemesis.inject(done))["cuts"] == done["cuts"]


async def test_a_partition_of_which_one_rule_was_removed_by_hand_is_no_effect_and_says_which() -> None:
    environment = FakeEnvironment(3)
    nemesis = partition.package(options(environment)).nemesis
    await nemesis.inject({"cuts": [["n1", "n2"], ["n2", "n1"]]})
    environment.network.in_force["n1", "n2"] = 7
    del environment.network.in_force["n2", "n1"]
    effect = await nemesis.probe()
    assert effect.count == 0
    assert effect.evidence["not cut any more"] == ["n2 -> n1"]


@pytest.mark.parametrize("shape", ["isolate-one", "halves", "majority-ring", "bridge", "one-way"])
async def test_every_shape_can_be_asked_for_by_name(shape: str) -> None:
    environment = FakeEnvironment(5)
    nemesis = partition.package(options(environment)).nemesis
    done = await nemesis.inject(shape)
    assert [tuple(cut) for cut in done["cuts"]] == list(environment.network.in_force) != []


async def test_a_single_server_cannot_be_partitioned_and_the_probe_says_so() -> None:
    environment = FakeEnvironment(3)
    nemesis = partition.package(options(environment, serving=1)).nemesis
    assert (await nemesis.inject(None))["cuts"] == []
    assert (await nemesis.probe()).count == 0


async def test_without_servers_nobody_is_struck_and_the_probe_says_so() -> None:
    nemesis = kill.package(options(FakeEnvironment(3), serving=0)).nemesis
    assert (await nemesis.inject(None))["nodes"] == []
    assert (await nemesis.probe()).count == 0


async def test_a_power_cut_counts_what_went_and_ends_with_all_of_it_running() -> None:
    environment = FakeEnvironment(3)
    nemesis = power.package(options(environment)).nemesis
    await nemesis.inject(["n1", "n3"])
    assert environment.fake_power.off == {"n1", "n3"}
    assert (await nemesis.probe()).count == 2
    await nemesis.heal()
    assert environment.fake_power.off == set()
    assert set(environment.processes.states.values()) == {"running"}


def test_hosts_that_keep_their_power_are_refused_with_a_way_out() -> None:
    with pytest.raises(HostError, match="--env lab"):
        power.package(options(FakeEnvironment(3, has_power=False)))


@pytest.mark.parametrize("module", [kill, pause, partition, power])
async def test_healing_without_a_fault_is_harmless(module: ModuleType) -> None:
    environment = FakeEnvironment(3)
    nemesis = module.package(options(environment)).nemesis
    await nemesis.heal()
    assert set(environment.processes.states.values()) == {"running"}
    assert (await nemesis.probe()).count == 0
