"""Kill the servers of some nodes (SIGKILL), and start them again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.nemeses._processes import Victim, in_state, names, targets, until_healed, victims
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package


def package(options: NemesisOptions) -> Package:
    """Kills on the leader, one other node, a minority, a majority, or all."""
    generator = schedule(
        "kill", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(Kill(options), generator, ("kill",))


class Kill:
    """Processes that ran are gone until they are started again; what they wrote stays."""

    family = "kill"

    def __init__(self, options: NemesisOptions) -> None:
        self._options = options
        self._victims: list[Victim] = []

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Kill all servers on the nodes in `value`, a list or what an earlier injection returned."""
        nodes = targets(self._options, value)
        running = await victims(self._options, nodes)
        self._victims = list(dict.fromkeys([*self._victims, *running]))
        await asyncio.gather(*(self._options.environment.processes.kill(*victim) for victim in running))
        return {"nodes": list(nodes), "killed": names(running)}

    async def probe(self) -> Effect:
        """Count the killed processes that are gone now."""
        gone = await in_state(self._options, self._victims, "gone")
        return Effect("processes gone", len(gone), {"gone": names(gone)})

    async def heal(self) -> None:
        """Start what was killed, until all of it runs."""
        await until_healed(self._start)
        self._victims = []

    async def _start(self) -> list[str]:
        environment, database = self._options.environment, self._options.database
        gone = await in_state(self._options, self._victims, "gone")
        await asyncio.gather(
            *(database.start(environment, node) for node in dict.fromkeys(n for n, _ in gone))
        )
        return names(await in_state(self._options, self._victims, "gone"))
