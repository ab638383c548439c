"""What the faults that strike processes have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from harness.environment import HostError, ProcessState
from harness.nemeses._targets import choose_targets
from harness.nemesis import NemesisOptions

Victim = tuple[str, str]
"""(node, program)."""
_HEAL_S = 30.0


def targets(options: NemesisOptions, value: Any) -> tuple[str, ...]:
    """The nodes that an operation's value names, or some of our choice."""
    nodes = serving(options)
    if value is None:
        return choose_targets(options.random, nodes, options.database.leader())
    named = value["nodes"] if isinstance(value, dict) else value
    return tuple(node for node in nodes if node in named)


def serving(options: NemesisOptions) -> tuple[str, ...]:
    """The nodes on which the database has servers."""
    return tuple(node for node in options.environment.nodes if options.database.programs(node))


async def victims(options: NemesisOptions, nodes: Sequence[str]) -> list[Victim]:
    """The programs on these nodes that run now: striking what is down already would be no fault."""
    all_programs = [(node, program) for node in nodes for program in options.database.programs(node)]
    return await in_state(options, all_programs, "running")


async def in_state(options: NemesisOptions, those: Sequence[Victim], state: ProcessState) -> list[Victim]:
    """Which of those their hosts say to be in the state."""
    found = await asyncio.gather(*(options.environment.processes.state(*victim) for victim in those))
    return [victim for victim, seen in zip(those, found, strict=True) if seen == state]


def names(those: Sequence[Victim]) -> list[str]:
    """For the history: "n1/server"."""
    return [f"{node}/{program}" for node, program in those]


async def until_healed(mend: Callable[[], Awaitable[list[str]]]) -> None:
    """Mend again until it returns nothing that is still broken; HostError says what is after 30 s."""
    clock = asyncio.get_running_loop().time  # virtual in a simulated world
    deadline = clock() + _HEAL_S
    while True:
        try:
            broken = await mend()
        except HostError as error:
            broken = [str(error)]
        if not broken:
            return
        if clock() > deadline:
            raise HostError(f"not healed in {_HEAL_S:g} s: {'; '.join(broken)}")
        await asyncio.sleep(0.2)
