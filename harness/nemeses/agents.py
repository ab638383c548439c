"""Kill or freeze the agents of a minority of the agency; servers, also on the same nodes, are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.environment import ProcessState
from harness.nemeses._processes import Victim, in_state, names, until_healed
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package
from workloads.protocol.placement import agents

_AGENT = "agent"
"""The name of the daemon, in every topology that has an agency."""


def package(options: NemesisOptions) -> Package:
    """Kills and pauses of a minority of agents, or of one where they are fewer than three."""
    generator = schedule(
        "agents", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(Agents(options), generator, ("agents",))


class Agents:
    """Agents that ran are gone, or stand, until they run again; what they had synced stays."""

    family = "agents"

    def __init__(self, options: NemesisOptions) -> None:
        self._options = options
        self._victims: list[Victim] = []
        self._state: ProcessState = "gone"

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Strike agents: those of `value`, {"nodes": [..], "by": "kill" | "pause"}, or of our choice."""
        nodes, by = self._chosen(value)
        running = await in_state(self._options, [(node, _AGENT) for node in nodes], "running")
        processes = self._options.environment.processes
        strike = processes.kill if by == "kill" else processes.pause
        self._victims = list(dict.fromkeys([*self._victims, *running]))
        self._state = "gone" if by == "kill" else "paused"
        await asyncio.gather(*(strike(*victim) for victim in running))
        return {"nodes": nodes, "by": by, "struck": names(running)}

    def _chosen(self, value: Any) -> tuple[list[str], str]:
        if value is not None:
            return list(value["nodes"]), value["by"]
        everybody = agents(self._options.environment.nodes)
        random = self._options.random
        count = max(1, (len(everybody) - 1) // 2)
        return sorted(random.sample(list(everybody), count)), random.choice(["kill", "pause"])

    async def probe(self) -> Effect:
        """Count the struck agents that are still gone or stand."""
        struck = await in_state(self._options, self._victims, self._state)
        return Effect(f"agents {self._state}", len(struck), {self._state: names(struck)})

    async def heal(self) -> None:
        """Let all of them run."""
        await until_healed(self._run)
        self._victims = []

    async def _run(self) -> list[str]:
        environment, database = self._options.environment, self._options.database
        paused = await in_state(self._options, self._victims, "paused")
        await asyncio.gather(*(environment.processes.resume(*victim) for victim in paused))
        gone = await in_state(self._options, self._victims, "gone")
        await asyncio.gather(*(database.start(environment, node) for node, _ in gone))
        running = await in_state(self._options, self._victims, "running")
        return names([victim for victim in self._victims if victim not in running])
