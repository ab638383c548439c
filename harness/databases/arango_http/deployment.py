"""Deployment: servers that take arangod's options, one a node, alone or as leader and followers.

Two topologies: `single`, the first node alone; `leader-follower`, the first node leads and every other
follows it. How the program comes to the hosts is the product's own business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from harness.database import DatabaseOptions
from harness.databases.arango_http.product import Product
from harness.databases.arango_http.session import ArangoSession, Servers
from harness.environment import Environment, HostError, Program
from workloads.protocol.outcome import RequestError

TOPOLOGIES = ("single", "leader-follower")
PORT = 8529
SERVING_S = 60.0
"""How long a started server may take until it serves."""

_ADMINISTRATOR = "root"
"""Whom every server has from its beginning, with an empty password."""

_APPLIER = {
    # What the documents recommend for a follower that goes on by itself whatever happens to it ...
    "autoStart": True,
    "requireFromPresent": True,
    "autoResync": True,
    "autoResyncRetries": 100_000,
    # ... with pauses short enough that it comes back within a test, and enough attempts for a long fault.
    "adaptivePolling": False,
    "idleMinWaitTime": 0.3,
    "idleMaxWaitTime": 0.5,
    "connectTimeout": 2,
    "requestTimeout": 10,
    "connectionRetryWaitTime": 0.5,
    "maxConnectRetries": 100_000,
}


class Deployment:
    """Implements `harness.database.Database`. ValueError for a topology that there is not."""

    def __init__(self, product: Product, options: DatabaseOptions) -> None:
        if options.topology not in TOPOLOGIES:
            known = ", ".join((*TOPOLOGIES, "active-failover"))
            raise ValueError(f"There is no topology {options.topology!r}; there are: {known}.")
        self.name = product.name
        self._product = product
        self._options = options
        self._servers = Servers((), "", {}, options.request_timeout_s)
        self._programs: dict[str, Program] = {}
        self._version = ""

    async def setup(self, environment: Environment) -> None:
        """Install and start it on its nodes with empty data, form the topology, return when it serves."""
        nodes = tuple(environment.nodes)
        if self._options.topology == "single":
            nodes = nodes[:1]
        elif len(nodes) < 2:
            raise HostError("The topology leader-follower needs at least two nodes.")
        endpoints = {node: f"tcp://{environment.address(node, PORT)}" for node in nodes}
        user = _ADMINISTRATOR if self._options.guarded else None
        servers = Servers(nodes, nodes[0], endpoints, self._options.request_timeout_s, user=user)
        applier = {**_APPLIER, **servers.credentials, **self._options.applier}
        self._servers = replace(servers, applier=applier)
        commands = await self._product.install(environment, nodes)
        self._programs = {node: self._program(environment, node, commands[node]) for node in nodes}
        await asyncio.gather(*(self._serve(environment, node) for node in nodes))
        await self._form(environment)

    def _program(self, environment: Environment, node: str, command: tuple[str, ...]) -> Program:
        options = {
            "--server.endpoint": f"tcp://0.0.0.0:{PORT}",
            "--server.authentication": "true" if self._options.guarded else "false",
            "--database.directory": f"{environment.data(node)}/{self._product.program}",
            **self._options.server,
        }
        words = [word for option in options.items() for word in option]
        arguments = (*command, *words)
        return Program(self._product.program, arguments, PORT, simulated=self._product.simulated)

    async def _serve(self, environment: Environment, node: str) -> None:
        program = self._product.program
        await self.start(environment, node)
        try:
            async with asyncio.timeout(SERVING_S):
                while not await self.ready(environment, node):
                    if await environment.processes.state(node, program) == "gone":
                        raise HostError(f"{node}: {program} ended as soon as it was started; see its log.")
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise HostError(f"{node}: {program} did not serve within {SERVING_S:g} s; see its log.") from None

    async def _form(self, environment: Environment) -> None:
        session = self.session(environment, -1)
        try:
            self._version = await session.on(session.leader).version()
            await asyncio.gather(*(session.on(node).follow(session.leader) for node in session.followers))
        finally:
            await session.close()

    async def start(self, environment: Environment, node: str) -> None:
        """Start the node's server again after a fault; data stay."""
        if node in self._programs:
            await environment.processes.start(node, self._programs[node])

    async def ready(self, environment: Environment, node: str) -> bool:
        """Whether the node's server answers requests."""
        session = self.session(environment, -1)
        try:
            async with asyncio.timeout(2):
                await session.on(node).version()
        except (RequestError, TimeoutError):
            return False
        else:
            return True
        finally:
            await session.close()

    def programs(self, node: str) -> Sequence[str]:
        """Names of the daemons on the node: what kill and pause act on."""
        return (self._product.program,) if node in self._programs else ()

    def leader(self) -> str:
        """The node that leads: it never changes, nobody is promoted."""
        return self._servers.leader

    def session(self, environment: Environment, process: int) -> ArangoSession:  # noqa: ARG002 - all are alike
        """A new session for a process."""
        return ArangoSession(self._servers, lambda node: environment.transport(node, PORT))

    def describe(self) -> dict[str, str]:
        """Product, version, topology."""
        return {
            "name": self.name,
            "product": self._product.title,
            "version": self._version,
            "topology": self._options.topology,
            "leader": self._servers.leader,
        }
