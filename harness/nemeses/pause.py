"""Pause the servers of some nodes (SIGSTOP), and let them go on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.nemeses._processes import Victim, in_state, names, targets, until_healed, victims
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package


def package(options: NemesisOptions) -> Package:
    """Pauses on the leader, one other node, a minority, a majority, or all."""
    generator = schedule(
        "pause", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(Pause(options), generator, ("pause",))


class Pause:
    """Processes stand still with their connections open; the kernel still accepts new ones for them."""

    family = "pause"

    def __init__(self, options: NemesisOptions) -> None:
        self._options = options
        self._victims: list[Victim] = []

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Pause all servers on the nodes in `value`, a list or what an earlier injection returned."""
        nodes = targets(self._options, value)
        running = await victims(self._options, nodes)
        self._victims = list(dict.fromkeys([*self._victims, *running]))
        await asyncio.gather(*(self._options.environment.processes.pause(*victim) for victim in running))
        return {"nodes": list(nodes), "paused": names(running)}

    async def probe(self) -> Effect:
        """Count the paused processes that still stand."""
        paused = await in_state(self._options, self._victims, "paused")
        return Effect("processes paused", len(paused), {"paused": names(paused)})

    async def heal(self) -> None:
        """Let go on what was paused, until none of it stands."""
        await until_healed(self._resume)
        self._victims = []

    async def _resume(self) -> list[str]:
        processes = self._options.environment.processes
        await asyncio.gather(*(processes.resume(*victim) for victim in self._victims))
        return names(await in_state(self._options, self._victims, "paused"))
