"""Cut the power of some nodes: servers are gone, and so is what they had not fsynced."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.environment import HostError, Power
from harness.nemeses._processes import Victim, in_state, names, targets, until_healed, victims
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package


def package(options: NemesisOptions) -> Package:
    """Power cuts on the leader, one other node, a minority, a majority, or all. HostError where power cannot
    be cut.
    """
    if options.environment.power is None:
        raise HostError(
            "The nemesis power needs hosts whose power can be cut; use --env lab, or leave it out."
        )
    generator = schedule(
        "power", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(PowerCut(options, options.environment.power), generator, ("power",))


class PowerCut:
    """Whole nodes are off until their power is restored and their servers are started."""

    family = "power"

    def __init__(self, options: NemesisOptions, power: Power) -> None:
        self._options = options
        self._power = power
        self._nodes: list[str] = []
        self._victims: list[Victim] = []

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Cut the power of the nodes in `value`, a list or what an earlier injection returned."""
        nodes = targets(self._options, value)
        running = await victims(self._options, nodes)
        self._nodes = list(dict.fromkeys([*self._nodes, *nodes]))
        self._victims = list(dict.fromkeys([*self._victims, *running]))
        await asyncio.gather(*(self._power.lose(node) for node in nodes))
        return {"nodes": list(nodes), "lost": names(running)}

    async def probe(self) -> Effect:
        """Count the processes that ran when the power went and are gone now."""
        gone = await in_state(self._options, self._victims, "gone")
        return Effect("processes gone with the power", len(gone), {"gone": names(gone)})

    async def heal(self) -> None:
        """Restore the power and start what ran before, until all of it runs."""
        await until_healed(self._restore)
        self._nodes, self._victims = [], []

    async def _restore(self) -> list[str]:
        environment, database = self._options.environment, self._options.database
        await asyncio.gather(*(self._power.restore(node) for node in self._nodes))
        gone = await in_state(self._options, self._victims, "gone")
        await asyncio.gather(
            *(database.start(environment, node) for node in dict.fromkeys(n for n, _ in gone))
        )
        return names(await in_state(self._options, self._victims, "gone"))
