"""Slow down the servers of some nodes: every step comes late, as on a machine that is out of breath."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.environment import Clocks, HostError
from harness.nemeses._processes import targets
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package

_LAGS_S = (0.0005, 0.005, 0.05)


def package(options: NemesisOptions) -> Package:
    """Slow servers on the leader, one other node, a minority, a majority, or all. HostError where servers
    cannot be slowed.
    """
    if options.environment.clocks is None:
        raise HostError("The nemesis slow needs hosts that can be slowed down; use --env simulation.")
    generator = schedule(
        "slow", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(Slow(options, options.environment.clocks), generator, ("slow",))


class Slow:
    """Servers run, but late, and not evenly so."""

    family = "slow"

    def __init__(self, options: NemesisOptions, clocks: Clocks) -> None:
        self._options = options
        self._clocks = clocks
        self._before: dict[str, int] = {}

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Slow down the nodes in `value`, a list or what an earlier injection returned."""
        nodes = targets(self._options, value)
        given = value if isinstance(value, dict) else {}
        lag_s = given.get("lag_s", self._options.random.choice(_LAGS_S))
        for node in nodes:
            self._before.setdefault(node, await self._clocks.late(node))
            await self._clocks.slow(node, lag_s)
        return {"nodes": list(nodes), "lag_s": lag_s}

    async def probe(self) -> Effect:
        """Count the steps that came late since the injection."""
        late = {node: await self._clocks.late(node) - before for node, before in self._before.items()}
        return Effect("steps late", sum(late.values()), {"late": late})

    async def heal(self) -> None:
        """Let the servers run as fast as they can."""
        await asyncio.gather(*(self._clocks.slow(node, 0.0) for node in self._before))
        self._before = {}
