"""Trouble that comes by itself: it comes, it goes, and it ends before the run does."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from harness.environments.simulation import SimulatedWorld
from harness.environments.simulation.network import Link
from harness.explore.spells import NO_SPELLS, Spells, cast_spells, draw_spells

_UNTIL_S = 20.0
USUAL = Link(loss=0.001)
Sight = tuple[float, int, Link]


def _seen(spells: Spells, seed: int = 1) -> list[Sight]:
    """A tenth of a second after the other: how long disks stall, how wrong clocks are, and the network."""
    world = SimulatedWorld(["n1", "n2"], seed)
    world.network.default = USUAL

    async def look() -> list[Sight]:
        tasks = cast_spells(spells, world, _UNTIL_S)
        seen = []
        for _ in range(230):
            await asyncio.sleep(0.1)
            stall_s = max(host.disk.stall_s for host in world.hosts.values())
            error_ns = max(abs(host.clock.error_ns) for host in world.hosts.values())
            seen.append((stall_s, error_ns, world.network.default))
        assert all(task.done() for task in tasks), "nothing may begin after the end"
        return seen

    return world.run(look())


def test_without_spells_nothing_happens() -> None:
    assert set(map(str, _seen(NO_SPELLS))) == {str((0.0, 0, USUAL))}


def test_disks_stall_for_a_while() -> None:
    stalls = [stall_s for stall_s, _, _ in _seen(Spells(stall_s=1.0))]
    assert 20 < sum(stall_s > 0 for stall_s in stalls) < 150
    assert stalls[-1] == 0


def test_clocks_are_stepped_again_and_again() -> None:
    errors = [error_ns for _, error_ns, _ in _seen(Spells(step_s=1.0))]
    assert errors[0] == 0
    assert len(set(errors)) > 5


def test_the_network_is_bad_for_a_while_and_then_as_it_was() -> None:
    links = [link for _, _, link in _seen(Spells(burst_s=1.0))]
    assert any(link.loss >= 0.03 for link in links)
    assert any(link.duplication >= 0.1 for link in links)
    assert any(link.jitter_s >= 0.05 for link in links)
    assert links[-1] == USUAL


@pytest.mark.parametrize("name", ["stall_s", "step_s", "burst_s"])
def test_a_kind_is_absent_from_two_worlds_of_three(name: str) -> None:
    drawn = [getattr(draw_spells(Random(seed)), name) for seed in range(300)]
    assert 60 < sum(mean_s is not None for mean_s in drawn) < 140


def test_equal_seeds_have_equal_spells() -> None:
    spells = Spells(stall_s=1.0, step_s=1.0, burst_s=1.0)
    assert str(_seen(spells, 3)) == str(_seen(spells, 3))
    assert str(_seen(spells, 3)) != str(_seen(spells, 4))
