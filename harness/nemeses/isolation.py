"""Cut the leader off from the agency, but not from its clients; it still talks to the servers where it can.

The leader's node hears no agent on another node any more, and none of them hears it. Where agents have nodes
of their own the leader goes on replicating to its followers: only a lease tells it that it leads no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.environment import HostError
from harness.nemeses._grudges import both_ways
from harness.nemeses._processes import serving
from harness.nemeses._schedule import schedule
from harness.nemeses.partition import Partition
from harness.nemesis import NemesisOptions, Package
from workloads.protocol.placement import agents


def package(options: NemesisOptions) -> Package:
    """Partitions between the leader and the agents. HostError where there are no agents on other nodes."""
    if len(options.environment.nodes) < 3:
        raise HostError("The nemesis isolation needs agents on other nodes than the leader's: three nodes.")
    generator = schedule(
        "isolation", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(Isolation(options), generator, ("isolation",))


class Isolation(Partition):
    """A partition of one shape: the leader on one side, the agents on the other."""

    family = "isolation"

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Cut the links between the leader, or the node in `value`, and the agents on other nodes."""
        nodes = serving(self._options)
        leader = self._options.database.leader() if value is None else value["leader"]
        others = [node for node in agents(nodes) if node != leader]
        done = await super().inject({"shape": "leader from agency", "cuts": both_ways([leader], others)})
        return {"leader": leader, **done}
