"""Cut links between nodes: one node apart, halves, a ring of majorities, a bridge, or one way only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.environment import Cut
from harness.nemeses._grudges import GRUDGES, choose_grudge
from harness.nemeses._processes import serving
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package


def package(options: NemesisOptions) -> Package:
    """Partitions of all shapes; clients still reach every node."""
    generator = schedule(
        "partition", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(Partition(options), generator, ("partition",))


class Partition:
    """Packets between nodes are dropped, so connections stall rather than break."""

    family = "partition"

    def __init__(self, options: NemesisOptions) -> None:
        self._options = options
        self._cuts: tuple[Cut, ...] = ()

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Cut the links of a shape named by `value`, or those that it lists: {"cuts": [[source,
        destination]]}.
        """
        shape, cuts = self._chosen(value)
        self._cuts = (*self._cuts, *cuts)
        if cuts:
            await self._options.environment.network.cut(cuts)
        return {"shape": shape, "cuts": [list(cut) for cut in cuts]}

    def _chosen(self, value: Any) -> tuple[str, tuple[Cut, ...]]:
        nodes = serving(self._options)
        if value is None:
            return choose_grudge(self._options.random, nodes, self._options.database.leader())
        if isinstance(value, str):
            return value, GRUDGES[value](nodes, self._options.random)
        return value.get("shape", "given"), tuple(
            (source, destination) for source, destination in value["cuts"]
        )

    async def probe(self) -> Effect:
        """Count the packets dropped, as the hosts do. If one of the links is open again, by whoever's hand,
        the partition that was asked for is not in force, and counts as nothing.
        """
        dropped = await self._options.environment.network.dropped()
        counted = {_arrow(cut): dropped[cut] for cut in self._cuts if cut in dropped}
        missing = [_arrow(cut) for cut in self._cuts if cut not in dropped]
        count = 0 if missing else sum(counted.values())
        evidence: dict[str, Any] = {"dropped": counted}
        if missing:
            evidence["not cut any more"] = missing
        return Effect("packets dropped", count, evidence)

    async def heal(self) -> None:
        """Open all links, again until none is cut."""
        await self._options.environment.network.heal()
        self._cuts = ()


def _arrow(cut: Cut) -> str:
    return f"{cut[0]} -> {cut[1]}"
