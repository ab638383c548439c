"""Break the disks under the data of some nodes: full, failing with I/O errors, slow, or losing syncs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, get_args

from harness.environment import DiskFault, Disks, HostError
from harness.nemeses._processes import names, targets, until_healed, victims
from harness.nemeses._schedule import schedule
from harness.nemesis import Effect, NemesisOptions, Package


def package(options: NemesisOptions) -> Package:
    """Broken disks on the leader, one other node, a minority, a majority, or all. HostError where disks
    cannot be broken.
    """
    if options.environment.disks is None:
        raise HostError("The nemesis disk needs hosts whose disks can be broken; use --env simulation.")
    generator = schedule(
        "disk", interval_s=options.interval_s, time_limit_s=options.time_limit_s, random=options.random
    )
    return Package(BrokenDisk(options, options.environment.disks), generator, ("disk",))


class BrokenDisk:
    """Disks refuse or dawdle until they are replaced. Servers on a disk that refused are then restarted, as
    their operator would: one that could not sync its log takes no more writes, and an applier that could not
    write has stopped.
    """

    family = "disk"

    def __init__(self, options: NemesisOptions, disks: Disks) -> None:
        self._options = options
        self._disks = disks
        self._before: dict[str, int] = {}
        self._to_restart: list[str] = []

    async def inject(self, value: Any) -> Mapping[str, Any]:
        """Break the disks of the nodes in `value`, a list or what an earlier injection returned."""
        nodes = targets(self._options, value)
        given = value if isinstance(value, dict) else {}
        fault: DiskFault = given.get("fault", self._options.random.choice(get_args(DiskFault)))
        for node in nodes:
            self._before.setdefault(node, await self._disks.felt(node))
            await self._disks.fault(node, fault)
        if fault != "slow":
            self._to_restart = list(dict.fromkeys([*self._to_restart, *nodes]))
        return {"nodes": list(nodes), "fault": fault}

    async def probe(self) -> Effect:
        """Count what the disks have refused or delayed since the injection."""
        felt = {node: await self._disks.felt(node) - before for node, before in self._before.items()}
        return Effect("disk operations refused or delayed", sum(felt.values()), {"felt": felt})

    async def heal(self) -> None:
        """Mend the disks, and restart the servers that met an error."""
        await asyncio.gather(*(self._disks.heal(node) for node in self._before))
        environment = self._options.environment
        running = await victims(self._options, self._to_restart)
        await asyncio.gather(*(environment.processes.kill(*victim) for victim in running))
        await until_healed(self._start)
        self._before, self._to_restart = {}, []

    async def _start(self) -> list[str]:
        environment, database = self._options.environment, self._options.database
        await asyncio.gather(*(database.start(environment, node) for node in self._to_restart))
        wanted = [(node, program) for node in self._to_restart for program in database.programs(node)]
        return names([victim for victim in wanted if victim not in await victims(self._options, [victim[0]])])
