"""The hosts of a lab on this machine: brought up if need be, and able to lose power.

A lab that somebody made with `pestle lab up` is used and left standing; one that a run had to make goes
with it.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Sequence

from harness.environment import EnvironmentOptions, HostError, Power, ProcessState
from harness.environments.inventory import Host, Inventory
from harness.environments.lease import DEFAULT_TIMEOUT_S
from harness.environments.ssh import SshEnvironment, SshProcesses
from harness.lab import lifecycle
from harness.lab.control_group import control_root
from harness.lab.plan import checked_name, node_names
from harness.lab.reaper import watch_over


def environment(options: EnvironmentOptions) -> LabEnvironment:
    """The first `options.node_count` nodes of the lab `options.lab`."""
    return LabEnvironment(options.lab, options.node_count)


class LabEnvironment(SshEnvironment):
    """Nodes of a lab, used as SSH hosts."""

    def __init__(self, lab: str, node_count: int, *, lease_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.lab = checked_name(lab)
        unknown_yet = Inventory(tuple(Host(node, node) for node in node_names(node_count)))
        super().__init__(unknown_yet, lease_s=lease_s)
        self._occupation: lifecycle.Occupation | None = None
        self._reaper: subprocess.Popen[bytes] | None = None
        self._power = LabPower(self)
        self.processes = LabProcesses(self)

    @property
    def power(self) -> Power | None:
        """The nodes' power, unless this machine has no control groups with which to freeze a node."""
        return self._power if control_root() is not None else None

    def is_on(self, node: str) -> bool:
        """Whether the node has power."""
        return lifecycle.has_power(self.lab, node)

    def powered(self) -> Sequence[str]:
        """The nodes that are on."""
        return tuple(node for node in self.nodes if self.is_on(node))

    async def open(self) -> None:
        """Bring the lab up unless it stands, and take its nodes."""
        self._occupation = await self._occupy()
        try:
            if self._occupation.plan.owned:
                self._reaper = watch_over(self.lab)
            hosts = lifecycle.inventory(self._occupation.plan).hosts
            self.use(Inventory(hosts[: len(self.nodes)], lab=self.lab))
            await super().open()
        except BaseException:
            await self._leave()
            raise

    async def _occupy(self) -> lifecycle.Occupation:
        work = asyncio.create_task(asyncio.to_thread(lifecycle.occupy, self.lab, len(self.nodes)))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:  # the thread goes on, so what it makes must be awaited to be removed
            (await work).end()
            raise

    async def close(self) -> None:
        """Give every node its power back, leave nothing on it, and remove the lab if it was made for this."""
        if self._occupation is None:
            return
        try:
            for node in self.nodes:
                if not self.is_on(node):
                    await self._power.restore(node)
            await super().close()
        finally:
            await self._leave()

    async def _leave(self) -> None:
        occupation, self._occupation = self._occupation, None
        if occupation is not None:
            await asyncio.to_thread(occupation.end)
        if self._reaper is not None:
            self._reaper.terminate()
            self._reaper.wait()
            self._reaper = None


class LabProcesses(SshProcesses):
    """The daemons on the nodes; on one without power all are gone."""

    def __init__(self, lab: LabEnvironment) -> None:
        super().__init__(lab.worker)
        self._lab = lab

    async def state(self, node: str, program: str) -> ProcessState:
        """What the node says about it now, if it is on."""
        return await super().state(node, program) if self._lab.is_on(node) else "gone"


class LabPower:
    """The nodes' power: /data keeps what was fsynced, other files keep what was written."""

    def __init__(self, lab: LabEnvironment) -> None:
        self._lab = lab

    async def lose(self, node: str) -> None:
        """Cut the power of a node."""
        await self._lab.worker(node).disconnect()
        await asyncio.to_thread(lifecycle.lose_power, self._lab.lab, node)
        if self._lab.is_on(node):
            raise HostError(f"{node} still runs after its power was cut")

    async def restore(self, node: str) -> None:
        """Boot it again; daemons are not started."""
        await asyncio.to_thread(lifecycle.restore_power, self._lab.lab, node)
        await self._lab.renew(node)
