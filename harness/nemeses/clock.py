"""Put the wall clocks of some nodes wrong: a jump ahead or back, and a rate that is too fast or too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.environment import Clocks, HostError
from harness.nemeses._processes import targets
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package

_JUMPS_S = (-3600.0, -5.0, -0.2, 0.2, 5.0, 3600.0)
_DRIFTS = (-0.05, -0.001, 0.0, 0.001, 0.05)
_LEAST_S = 0.001
"""A clock that is less wrong than this is right."""


def package(options: NemesisOptions) -> Package:
    """Wrong clocks on the leader, one other node, a minority, a majority, or all. HostError where clocks
    cannot be touched.
    """
    if options.environment.clocks is None:
        raise HostError("The nemesis clock needs hosts whose clocks can be put wrong; use --env simulation.")
    generator = schedule(
        "clock", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(WrongClock(options, options.environment.clocks), generator, ("clock",))


class WrongClock:
    """Clocks jump and then run at a wrong rate, until they are synchronized, which is a jump, too."""

    family = "clock"

    def __init__(self, options: NemesisOptions, clocks: Clocks) -> None:
        self._options = options
        self._clocks = clocks
        self._nodes: list[str] = []

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Put wrong the clocks of the nodes in `value`, a list or what an earlier injection returned."""
        nodes = targets(self._options, value)
        given = value if isinstance(value, dict) else {}
        jump_s = given.get("jump_s", self._options.random.choice(_JUMPS_S))
        drift = given.get("drift", self._options.random.choice(_DRIFTS))
        self._nodes = list(dict.fromkeys([*self._nodes, *nodes]))
        await asyncio.gather(*(self._clocks.jump(node, jump_s) for node in nodes))
        await asyncio.gather(*(self._clocks.drift(node, drift) for node in nodes))
        return {"nodes": list(nodes), "jump_s": jump_s, "drift": drift}

    async def probe(self) -> Effect:
        """Count the clocks that are wrong, as the hosts have it."""
        errors = await asyncio.gather(*(self._clocks.error_s(node) for node in self._nodes))
        wrong = {node: round(s, 6) for node, s in zip(self._nodes, errors, strict=True) if abs(s) > _LEAST_S}
        return Effect("clocks wrong", len(wrong), {"error_s": wrong})

    async def heal(self) -> None:
        """Synchronize the clocks that were touched."""
        await asyncio.gather(*(self._clocks.synchronize(node) for node in self._nodes))
        self._nodes = []
