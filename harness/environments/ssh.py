"""Hosts reached by SSH, as an inventory file lists them.

Everything done to a host is a verb of `node.sh`, which is copied to it. Each host has a thread and a
connection of its own, and a lease with a dead man's switch: see `lease`.

Not here: power (a host would have to be switched by its hypervisor); IPv6; partitions of hosts that talk to
each other by other addresses than the inventory's.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.environment import (
    Clocks,
    Cut,
    Disks,
    EnvironmentOptions,
    HostError,
    Network,
    Power,
    Processes,
    ProcessState,
    Program,
    Simulation,
    Transport,
)
from harness.environments.archive import Archive, pack, unpack_files
from harness.environments.inventory import Host, Inventory, read_inventory
from harness.environments.lease import DEFAULT_TIMEOUT_S, Lease
from harness.environments.worker import Worker, on_all
from harness.http import HttpTransport

_HEAL_S = 30.0
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_STATES: Mapping[str, ProcessState] = {"running": "running", "paused": "paused", "gone": "gone"}


def environment(options: EnvironmentOptions) -> SshEnvironment:
    """The hosts of `options.inventory`."""
    if options.inventory is None:
        raise HostError(
            "The environment ssh needs --inventory FILE; `pestle lab up 3` makes hosts and such a file."
        )
    return SshEnvironment(read_inventory(options.inventory))


class SshEnvironment:
    """Some hosts. `lease_s` is how long they wait for a sign of life before they mend themselves."""

    def __init__(self, inventory: Inventory, *, lease_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._hosts: dict[str, Host] = {}
        self.use(inventory)
        self._holder = secrets.token_hex(4)
        self._lease_s = lease_s
        self._workers: dict[str, Worker] = {}
        self._leases: dict[str, Lease] = {}
        self._archives: dict[Path, Archive] = {}
        self._packing = asyncio.Lock()
        self.processes: Processes = SshProcesses(self.worker)
        self.network: Network = SshNetwork(self, f"PESTLE-{self._holder}")

    def use(self, inventory: Inventory) -> None:
        """Take these hosts; only before `open`."""
        self._hosts = {host.name: host for host in inventory.hosts}

    @property
    def nodes(self) -> Sequence[str]:
        """The hosts' names in inventory order."""
        return tuple(self._hosts)

    @property
    def power(self) -> Power | None:
        """Real hosts keep theirs."""
        return None

    @property
    def clocks(self) -> Clocks | None:
        """Never touched: they are the machine's."""
        return None

    @property
    def disks(self) -> Disks | None:
        """Never broken."""
        return None

    @property
    def simulation(self) -> Simulation | None:
        """Real hosts live in real time."""
        return None

    def powered(self) -> Sequence[str]:
        """The hosts that are on, as far as is known; the others have no firewall rules and no processes."""
        return self.nodes

    def worker(self, node: str) -> Worker:
        """The thread that speaks to the node."""
        if node not in self._workers:
            raise HostError(f"{node} is not open, or no host of the inventory")
        return self._workers[node]

    def host_address(self, node: str) -> str:
        """The node's address as a number: what the other hosts see as the source of its packets."""
        name = self._hosts[node].address
        try:
            return socket.gethostbyname(name)
        except OSError as error:
            raise HostError(f"{node}: {name} has no IPv4 address: {error}") from error

    def address(self, node: str, port: int) -> str:
        """`host:port` under which clients and other nodes reach a port of the node."""
        return f"{self._hosts[node].address}:{port}"

    def transport(self, node: str, port: int) -> Transport:
        """A new connection for a client."""
        return HttpTransport(self._hosts[node].address, port)

    def data(self, node: str) -> str:
        """Folder on the node for databases' files."""
        return f"{self._hosts[node].data.rstrip('/')}/pestle"

    async def open(self) -> None:
        """Reach every host, take its lease, and clear away what an earlier run may have left."""
        self._workers = {name: Worker(host) for name, host in self._hosts.items()}
        try:
            await on_all({node: self._open(node) for node in self.nodes})
        except BaseException:
            self._end()
            raise

    async def renew(self, node: str) -> None:
        """Renew the node's lease now, as a thread does by itself every few seconds."""
        await self.worker(node).call("renew", self._holder, f"{self._lease_s:.0f}")

    async def _open(self, node: str) -> None:
        lease = Lease(self._hosts[node], self._holder, self._lease_s)
        self._leases[node] = lease  # before it is taken: whoever cancels this must be able to end it
        await asyncio.to_thread(lease.take)
        await self.worker(node).call("clear", self.data(node), timeout_s=60)

    async def install(self, node: str, source: Path) -> str:
        """Make the files below `source` available on the node, unless they are; returns the path there.

        If `source` has an executable file `check`, it must succeed on the node; what it says is the error.
        """
        async with self._packing:
            if source not in self._archives:
                self._archives[source] = await asyncio.to_thread(pack, source)
        archive, worker = self._archives[source], self.worker(node)
        path = (await worker.call("has", archive.digest)).strip()
        if not path:
            remote = f".pestle/{archive.digest}.tar.gz"
            await worker.upload(archive.content, remote)
            path = (await worker.call("unpack", archive.digest, remote, timeout_s=120)).strip()
        return path

    async def collect(self, node: str, destination: Path) -> None:
        """Copy the logs of the node's daemons into the folder."""
        worker = self.worker(node)
        remote = (await worker.call("pack_logs", timeout_s=120)).strip()
        destination.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as folder:
            local = Path(folder) / "logs.tar.gz"
            await worker.download(remote, local)
            unpack_files(local, destination)

    async def close(self) -> None:
        """Heal everything, stop every daemon, and leave nothing but what is installed."""
        try:
            await on_all({node: self._close(node) for node in self._leases})
        finally:
            self._end()

    async def _close(self, node: str) -> None:
        await asyncio.to_thread(self._leases[node].end)
        await self.worker(node).call("release", self._holder, self.data(node), timeout_s=60)

    def _end(self) -> None:
        for lease in self._leases.values():
            lease.end()
        for worker in self._workers.values():
            worker.end()
        self._leases, self._workers = {}, {}


class SshProcesses:
    """The daemons on the hosts."""

    def __init__(self, worker: Callable[[str], Worker]) -> None:
        self._worker = worker

    async def start(self, node: str, program: Program) -> None:
        """Start the program unless it runs; returns when the process exists, not when it answers."""
        variables = [f"{name}={value}" for name, value in sorted(program.variables.items())]
        words = [_checked(program.name), str(len(variables)), *variables, *program.arguments]
        await self._worker(node).call("start", *words)

    async def stop(self, node: str, program: str) -> None:
        """End it gently, by force after ten seconds."""
        await self._worker(node).call("stop", _checked(program), timeout_s=30)

    async def kill(self, node: str, program: str) -> None:
        """SIGKILL, and wait until it is gone."""
        await self._worker(node).call("kill", _checked(program))

    async def pause(self, node: str, program: str) -> None:
        """SIGSTOP, and wait until it has stopped."""
        await self._worker(node).call("pause", _checked(program))

    async def resume(self, node: str, program: str) -> None:
        """SIGCONT, and wait until it goes on."""
        await self._worker(node).call("resume", _checked(program))

    async def state(self, node: str, program: str) -> ProcessState:
        """What the host says about it now."""
        return _STATES[(await self._worker(node).call("state", _checked(program))).strip()]


def _checked(program: str) -> str:
    if not _NAME.fullmatch(program):
        raise HostError(f"{program!r} cannot be a program's name: it names files on the host")
    return program


class SshNetwork:
    """The links between the hosts, cut by iptables on the host that is not to hear: see `node.sh`."""

    def __init__(self, hosts: SshEnvironment, chain: str) -> None:
        self._hosts = hosts
        self._chain = chain

    async def cut(self, cuts: Sequence[Cut]) -> None:
        """Drop all packets on these directed links, beside those that are cut already."""
        sources: dict[str, list[str]] = {}
        for source, destination in cuts:
            sources.setdefault(destination, []).append(self._hosts.host_address(source))
        await on_all({node: self._call(node, "cut", self._chain, *each) for node, each in sources.items()})

    async def dropped(self) -> Mapping[Cut, int]:
        """For each directed link that is cut now, on the host, the packets dropped since it was cut."""
        names = {self._hosts.host_address(node): node for node in self._hosts.nodes}
        answers = await on_all(
            {node: self._call(node, "dropped", self._chain) for node in self._hosts.powered()}
        )
        counts: dict[Cut, int] = {}
        for node, answer in answers.items():
            for line in answer.splitlines():
                address, packets = line.split()
                if address in names:
                    counts[names[address], node] = int(packets)
        return counts

    async def heal(self) -> None:
        """Remove every cut, again until none is left; HostError names the hosts where that fails for 30 s."""
        deadline = time.monotonic() + _HEAL_S
        while True:
            try:
                await on_all({node: self._call(node, "heal") for node in self._hosts.powered()})
            except HostError as error:
                if time.monotonic() > deadline:
                    raise HostError(f"the network is not healed: {error}") from error
            else:
                return
            await asyncio.sleep(0.5)

    def _call(self, node: str, verb: str, *words: str) -> Awaitable[str]:
        return self._hosts.worker(node).call(verb, *words)
