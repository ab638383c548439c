"""FailoverDeployment: agents and servers on nodes, as an active failover.

Three agents, and a server on every node, or, with five nodes or more, on every node without an agent. The
first server is started alone and wins the race for leadership; the others follow it by themselves.

Timings are fast, so that a run sees many failovers, as the documents have them, or given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from harness.database import DatabaseOptions, FailoverTimings
from harness.databases.arango_http.failover_session import FailoverSession, Group, Rumour
from harness.databases.arango_http.product import Product
from harness.environment import Environment, HostError, Program
from workloads.protocol.outcome import RequestError
from workloads.protocol.placement import agents, servers

TOPOLOGY = "active-failover"
PORT = 8529
AGENT_PORT = 8531
AGENT = "agent"
SERVING_S = 60.0
"""How long a started part may take until it serves."""
_LOOK_S = 2.0


FAST = FailoverTimings(0.2, 1.4, 0.2, 1.0, 2.0, (0.5, 1.0))
DOCUMENTED = FailoverTimings(1.0, 8.0, 1.0, 5.0, 10.0, (1.0, 5.0))
TIMINGS: Mapping[str, FailoverTimings] = {"fast": FAST, "documented": DOCUMENTED}


class FailoverDeployment:
    """Implements `harness.database.Database`."""

    def __init__(self, product: Product, options: DatabaseOptions) -> None:
        self.name = product.name
        self._product = product
        self._options = options
        timings = options.timings
        self._timings = timings if isinstance(timings, FailoverTimings) else TIMINGS[timings]
        self._group = Group({}, {}, options.request_timeout_s, Rumour(""))
        self._servers: dict[str, Program] = {}
        self._agents: dict[str, Program] = {}
        self._version = ""

    async def setup(self, environment: Environment) -> None:
        """Install and start it with empty data, agents first, and return when one leads and all follow."""
        nodes = tuple(environment.nodes)
        if len(nodes) < 2:
            raise HostError(f"The topology {TOPOLOGY} needs at least two nodes.")
        self._group = Group(
            servers={node: f"tcp://{environment.address(node, PORT)}" for node in servers(nodes)},
            agents={node: f"tcp://{environment.address(node, AGENT_PORT)}" for node in agents(nodes)},
            timeout_s=self._options.request_timeout_s,
            rumour=Rumour(servers(nodes)[0]),
        )
        commands = await self._product.install(environment, nodes)
        self._agents = {node: self._agent(environment, node, commands[node]) for node in agents(nodes)}
        self._servers = {node: self._server(environment, node, commands[node]) for node in servers(nodes)}
        await self._start_agents(environment)
        await self._start_servers(environment)

    def _agent(self, environment: Environment, node: str, command: tuple[str, ...]) -> Program:
        timings = self._timings
        words = [
            *_words(
                {
                    "--agency.activate": "true",
                    "--agency.size": str(len(self._group.agents)),
                    "--agency.my-address": self._group.agents[node],
                    "--agency.supervision": "true",
                    "--agency.supervision-frequency": f"{timings.supervision_s:g}",
                    "--agency.supervision-grace-period": f"{timings.grace_s:g}",
                    "--agency.supervision-ok-threshold": f"{timings.ok_s:g}",
                    "--agency.election-timeout-min": f"{timings.election_s[0]:g}",
                    "--agency.election-timeout-max": f"{timings.election_s[1]:g}",
                }
            ),
            *(word for endpoint in self._group.agents.values() for word in ("--agency.endpoint", endpoint)),
        ]
        return self._program(environment, node, AGENT, AGENT_PORT, (*command, *words))

    def _server(self, environment: Environment, node: str, command: tuple[str, ...]) -> Program:
        words = [
            *_words(
                {
                    "--replication.automatic-failover": "true",
                    "--cluster.my-role": "SINGLE",
                    "--cluster.my-address": self._group.servers[node],
                    "--replication.active-failover-leader-grace-period": f"{self._timings.lease_s:g}",
                    **self._product.failover_options(self._timings.heartbeat_s),
                    **self._options.server,
                }
            ),
            *(w for endpoint in self._group.agents.values() for w in ("--cluster.agency-endpoint", endpoint)),
        ]
        return self._program(environment, node, self._product.program, PORT, (*command, *words))

    def _program(
        self, environment: Environment, node: str, name: str, port: int, arguments: tuple[str, ...]
    ) -> Program:
        common = {
            "--server.endpoint": f"tcp://0.0.0.0:{port}",
            "--server.authentication": "false",
            "--database.directory": f"{environment.data(node)}/{name}",
        }
        return Program(name, (*arguments, *_words(common)), port, simulated=self._product.simulated)

    async def _start_agents(self, environment: Environment) -> None:
        await asyncio.gather(*(environment.processes.start(n, p) for n, p in self._agents.items()))
        await self._until(lambda: self._agency_leads(environment), "no agent leads the agency")

    async def _start_servers(self, environment: Environment) -> None:
        """The first one alone, so that it wins the race; then the others."""
        first, *others = self._servers
        await environment.processes.start(first, self._servers[first])
        await self._until(lambda: self._lists(environment, first, 1), f"{first} does not lead")
        await asyncio.gather(*(environment.processes.start(n, self._servers[n]) for n in others))
        for node in self._servers:
            everybody = partial(self._lists, environment, node, len(self._servers))
            await self._until(everybody, f"{node} does not know all servers")
        self._version = await self._ask_version(environment, first)

    async def _until(self, done: Callable[[], Awaitable[bool]], what: str) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + SERVING_S
        while not await done():
            if clock() > deadline:
                raise HostError(f"{what} {SERVING_S:g} s after its start; see the logs of the nodes.")
            await asyncio.sleep(0.1)

    async def _agency_leads(self, environment: Environment) -> bool:
        session = self.session(environment, 0)
        try:
            async with asyncio.timeout(_LOOK_S):
                return await session.agency.leads()
        except (RequestError, TimeoutError):
            return False
        finally:
            await session.close()

    async def _lists(self, environment: Environment, node: str, count: int) -> bool:
        """Whether the node's server lists so many servers, the first of all first."""
        session = self.session(environment, 0)
        try:
            async with asyncio.timeout(_LOOK_S):
                reply = await session.member(node).probe_endpoints()
        except (RequestError, TimeoutError):
            return False
        finally:
            await session.close()
        listed = [session.node_at(endpoint) for endpoint in reply.endpoints or ()]
        return reply.accepted and len(listed) >= count and listed[0] == next(iter(self._servers))

    async def _ask_version(self, environment: Environment, node: str) -> str:
        session = self.session(environment, 0)
        try:
            return await session.on(node).version()
        finally:
            await session.close()

    async def start(self, environment: Environment, node: str) -> None:
        """Start what is down on the node again after a fault; data stay."""
        for programs in (self._agents, self._servers):
            if node in programs:
                await environment.processes.start(node, programs[node])

    async def ready(self, environment: Environment, node: str) -> bool:
        """Whether the node's server answers as leader or follower, and its agent at all."""
        session = self.session(environment, 0)
        try:
            async with asyncio.timeout(_LOOK_S):
                if node in self._servers:
                    reply = await session.member(node).probe_endpoints()
                    return reply.accepted or reply.status == 503
                return await session.agency.leads()
        except (RequestError, TimeoutError):
            return False
        finally:
            await session.close()

    def programs(self, node: str) -> Sequence[str]:
        """Names of the daemons on the node: its agent, its server, or both."""
        programs = (each.get(node) for each in (self._agents, self._servers))
        return tuple(program.name for program in programs if program is not None)

    def leader(self) -> str:
        """The node that was last said to lead by any server."""
        return self._group.rumour.leader

    def session(self, environment: Environment, process: int) -> FailoverSession:
        """A new session for a process; it begins at a server of its own."""
        return FailoverSession(
            self._group,
            lambda node: environment.transport(node, PORT),
            lambda node: environment.transport(node, AGENT_PORT),
            first=max(process, 0),
        )

    def describe(self) -> dict[str, str]:
        """Product, version, topology, who runs what, and the timings."""
        return {
            "name": self.name,
            "product": self._product.title,
            "version": self._version,
            "topology": TOPOLOGY,
            "agents": ", ".join(self._agents),
            "servers": ", ".join(self._servers),
            "timings": f"heartbeat {self._timings.heartbeat_s:g} s, lease {self._timings.lease_s:g} s, "
            f"grace {self._timings.grace_s:g} s",
        }


def _words(options: Mapping[str, str]) -> list[str]:
    return [word for option in options.items() for word in option]
