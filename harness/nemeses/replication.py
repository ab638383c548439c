"""Stop the replication of some followers, and let it go on: from where it was, or after that is gone.

The servers themselves run all the time. Followers are *stopped* and go on from their tick; or they have
*forgotten* it, as after a restore from a dump; or the leader, which was restarted and does not know its
followers any more, has *pruned* the log that they need, as far as its options let it. The last two end in a
full resynchronization while clients write, with whatever else is wrong in the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from harness.environment import HostError
from harness.nemeses._processes import until_healed
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package
from workloads.protocol.administration import AdministeredSession, Site
from workloads.protocol.outcome import RequestError

_HOW = ("stopped", "forgotten", "pruned")
_DATABASE = "_system"


def package(options: NemesisOptions) -> Package:
    """Interruptions at one follower or more. HostError where servers do not follow for good."""
    if options.database.describe().get("topology") != "leader-follower":
        raise HostError("The nemesis replication needs followers: use --topology leader-follower.")
    generator = schedule(
        "replication", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(Interruption(options), generator, ("replication",))


class Interruption:
    """Appliers that ran stand, until they are started again."""

    family = "replication"

    def __init__(self, options: NemesisOptions) -> None:
        self._options = options
        self._nodes: list[str] = []
        self._is_pruned = False

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Stop the appliers that `value` names, {"nodes": [..], "how": ..}, or some of our choice."""
        random = self._options.random
        followers = await self._followers()
        given = value or {"nodes": random.sample(followers, random.randint(1, len(followers)))}
        nodes = [node for node in followers if node in given["nodes"]]
        how = given.get("how") or random.choice(_HOW)
        self._nodes = list(dict.fromkeys([*self._nodes, *nodes]))
        self._is_pruned = self._is_pruned or how == "pruned"
        await self._ask(nodes, lambda site: site.stop())
        if how == "forgotten":
            await self._ask(nodes, lambda site: site.forget())
        if how == "pruned":
            await self._restart_leader()
            await self._ask([self._options.database.leader()], lambda site: site.flush())
        return {"nodes": nodes, "how": how}

    async def probe(self) -> Effect:
        """Count the appliers that say that they do not run."""
        standing: list[str] = []

        async def look(node: str, site: Site) -> None:
            if not (await site.state()).running:
                standing.append(node)

        for node in self._nodes:
            await self._ask([node], lambda site, node=node: look(node, site))  # type: ignore[misc]
        return Effect("appliers stopped", len(standing), {"stopped": standing})

    async def heal(self) -> None:
        """Start the appliers again; that they keep running is the database's business."""
        if self._is_pruned:
            await self._ask([self._options.database.leader()], lambda site: site.flush())
        await self._ask(self._nodes, lambda site: site.start(None))
        self._nodes, self._is_pruned = [], False

    async def _followers(self) -> list[str]:
        session = self._session()
        await session.close()
        return list(session.followers)

    async def _restart_leader(self) -> None:
        environment, database = self._options.environment, self._options.database
        leader = database.leader()
        for program in database.programs(leader):
            await environment.processes.kill(leader, program)

        async def start() -> list[str]:
            await database.start(environment, leader)
            return [] if await database.ready(environment, leader) else [f"{leader} does not serve"]

        await until_healed(start)

    async def _ask(self, nodes: Sequence[str], request: Callable[[Site], Awaitable[None]]) -> None:
        """Ask each until it has answered: what is asked may be asked twice."""

        async def one(node: str) -> list[str]:
            session = self._session()
            try:
                await request(session.within(node, _DATABASE))
            except RequestError as error:
                return [f"{node}: {error}"]
            finally:
                await session.close()
            return []

        await asyncio.gather(*(until_healed(lambda node=node: one(node)) for node in nodes))  # type: ignore[misc]

    def _session(self) -> AdministeredSession:
        return cast(AdministeredSession, self._options.database.session(self._options.environment, -1))
