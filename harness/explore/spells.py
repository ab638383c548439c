"""Spells: trouble that comes by itself now and then, on top of everything else, and soon goes again.

Nemeses take turns, so that each fault is seen alone. What breaks only where two things meet needs trouble
that keeps to no turn: a disk that is busy with itself, a clock that is stepped, a network that is bad for a
moment. None of it excuses a broken promise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from harness.environments.simulation import SimulatedWorld


@dataclass(frozen=True, slots=True)
class Spells:
    """Mean times between spells of a kind: `stall_s` of disks whose syncs take long, `step_s` of wall clocks
    that are set, `burst_s` of messages that are lost, doubled and late. None: there are none.
    """

    stall_s: float | None = None
    step_s: float | None = None
    burst_s: float | None = None


NO_SPELLS = Spells()
_LONGEST_S = 0.6


def draw_spells(random: Random) -> Spells:
    """Each kind is absent from two worlds of three."""

    def sometimes(low: float, high: float) -> float | None:
        mean_s = round(random.uniform(low, high), 3)
        return mean_s if random.random() < 1 / 3 else None

    return Spells(stall_s=sometimes(0.5, 3.0), step_s=sometimes(0.5, 3.0), burst_s=sometimes(1.0, 4.0))


def cast_spells(spells: Spells, world: SimulatedWorld, until_s: float) -> list[asyncio.Task[None]]:
    """Begin them; the tasks are of the world's loop, which holds them."""
    kinds = ((spells.stall_s, _stall), (spells.step_s, _step), (spells.burst_s, _burst))
    return [
        world.loop.create_task(_now_and_then(mean_s, kind, world, until_s))
        for mean_s, kind in kinds
        if mean_s is not None
    ]


async def _now_and_then(
    mean_s: float,
    kind: Callable[[SimulatedWorld, Random], Callable[[], None]],
    world: SimulatedWorld,
    until_s: float,
) -> None:
    random = world.stream(f"spells/{kind.__name__}")
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5) * mean_s)
        if world.loop.time() > until_s:
            return
        end = kind(world, random)
        await asyncio.sleep(random.uniform(0.05, _LONGEST_S))
        end()


def _stall(world: SimulatedWorld, random: Random) -> Callable[[], None]:
    disk = random.choice(list(world.hosts.values())).disk
    disk.stall_s = random.uniform(0.02, 0.2)

    def end() -> None:
        disk.stall_s = 0.0

    return end


def _step(world: SimulatedWorld, random: Random) -> Callable[[], None]:
    """By something between a hundredth of a second and an hour."""
    clock = random.choice(list(world.hosts.values())).clock
    clock.offset_ns = round(random.choice((-1, 1)) * 10 ** random.uniform(7, 12.5))
    return lambda: None


def _burst(world: SimulatedWorld, random: Random) -> Callable[[], None]:
    network = world.network
    usual = network.default
    network.default = replace(
        usual,
        jitter_s=max(usual.jitter_s, random.choice((0.0, 0.05))),
        loss=max(usual.loss, random.choice((0.0, 0.03, 0.1))),
        duplication=max(usual.duplication, random.choice((0.0, 0.1, 0.5))),
    )

    def end() -> None:
        network.default = usual

    return end
