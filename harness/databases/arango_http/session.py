"""ArangoSession: one process's way into all servers of a leader/follower deployment."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.databases.arango_http.node import ArangoNode
from harness.databases.arango_http.request import Requests
from harness.databases.arango_http.site import ArangoSite
from harness.environment import Transport


@dataclass(frozen=True, slots=True)
class Servers:
    """What every session must know. `endpoints` is where each node is reached by the others.

    `applier` configures followers; `user` and `password` are sent where a user is given.
    """

    nodes: tuple[str, ...]
    leader: str
    endpoints: Mapping[str, str]
    timeout_s: float
    applier: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    password: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        if self.user is None:
            return {}
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"authorization": f"Basic {credentials}"}

    @property
    def credentials(self) -> dict[str, str]:
        """What a follower needs to know to be let in."""
        return {} if self.user is None else {"username": self.user, "password": self.password}


class ArangoSession:
    """Implements `workloads.protocol.administration.AdministeredSession`. Opens a connection to a node at
    first use.
    """

    def __init__(self, servers: Servers, connect: Callable[[str], Transport]) -> None:
        self._servers = servers
        self._connect = connect
        self._transports: dict[str, Transport] = {}
        self._nodes: dict[str, ArangoNode] = {}

    @property
    def nodes(self) -> Sequence[str]:
        """All nodes that run a server, in inventory order."""
        return self._servers.nodes

    @property
    def leader(self) -> str:
        """The node that takes writes; with one server, that one."""
        return self._servers.leader

    @property
    def followers(self) -> Sequence[str]:
        """The other nodes, in inventory order."""
        return tuple(node for node in self._servers.nodes if node != self._servers.leader)

    def on(self, node: str) -> ArangoNode:
        """The capabilities at `node`."""
        if node not in self._nodes:
            self._nodes[node] = ArangoNode(
                self._requests(node), leader_endpoints=self._servers.endpoints, applier=self._servers.applier
            )
        return self._nodes[node]

    def within(self, node: str, database: str) -> ArangoSite:
        """A database at `node`."""
        return ArangoSite(replace(self._requests(node), database=database), self._servers.credentials)

    def endpoint(self, node: str) -> str:
        """Where the server of `node` is for the others."""
        return self._servers.endpoints[node]

    def _requests(self, node: str) -> Requests:
        if node not in self._transports:
            self._transports[node] = self._connect(node)
        return Requests(self._transports[node], self._servers.timeout_s, self._servers.headers)

    async def close(self) -> None:
        """Drop every connection."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()
        self._nodes.clear()
