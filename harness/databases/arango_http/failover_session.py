"""FailoverSession: one process's way into the servers of an active failover, and into its agency.

Implements `workloads.protocol.failover.FailoverSession`. It begins at a node of its own, so that the sessions
of many processes ask different servers first, and follows what refusals say. What the sessions find out is
shared only as a rumour, for faults that want to strike the leader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from harness.databases.arango_http.agency import AgencyConnection
from harness.databases.arango_http.member import ALLOW, ArangoMember
from harness.databases.arango_http.place import node_at
from harness.databases.arango_http.request import Requests
from harness.environment import Transport


@dataclass(slots=True)
class Rumour:
    """Who was last believed to lead."""

    leader: str


@dataclass(frozen=True, slots=True)
class Group:
    """What every session must know: where each server is reached, and each agent."""

    servers: Mapping[str, str]
    agents: Mapping[str, str]
    timeout_s: float
    rumour: Rumour


class FailoverSession:
    """`connect` and `connect_agent` open a connection to a node's server and to its agent."""

    def __init__(
        self,
        group: Group,
        connect: Callable[[str], Transport],
        connect_agent: Callable[[str], Transport],
        *,
        first: int,
    ) -> None:
        self._group = group
        self._nodes = tuple(group.servers)
        self._leader = self._nodes[first % len(self._nodes)]
        self._connect = connect
        self._transports: dict[str, Transport] = {}
        self._members: dict[str, ArangoMember] = {}
        self._copies: dict[str, ArangoMember] = {}
        self._agency = AgencyConnection(
            group.agents, connect_agent, timeout_s=group.timeout_s, first=max(first, 0)
        )

    @property
    def nodes(self) -> Sequence[str]:
        """All nodes that run a server, in inventory order."""
        return self._nodes

    @property
    def leader(self) -> str:
        """The node that this session believes to lead."""
        return self._leader

    @property
    def followers(self) -> Sequence[str]:
        """The other nodes."""
        return tuple(node for node in self._nodes if node != self._leader)

    @property
    def agency(self) -> AgencyConnection:
        """The agency."""
        return self._agency

    def on(self, node: str) -> ArangoMember:
        """The capabilities at `node`."""
        return self.member(node)

    def member(self, node: str) -> ArangoMember:
        """One server, asked without following."""
        if node not in self._members:
            self._open(node)
        return self._members[node]

    def copy(self, node: str) -> ArangoMember:
        """What a server has, whether it leads or follows."""
        if node not in self._copies:
            self._open(node)
        return self._copies[node]

    def inbox(self, node: str, collection: str) -> str:
        """Where other hosts send a document that the node's server is to keep in the collection."""
        return (
            f"http://{urlsplit(self._group.servers[node]).netloc}/_api/document/{quote(collection, safe='')}"
        )

    def node_at(self, endpoint: str) -> str | None:
        """The node whose server has this endpoint."""
        return node_at(self._group.servers, endpoint)

    def follow(self, endpoint: str | None) -> bool:
        """Believe what a refusal said; False if that named nobody new. None moves on in turn."""
        if endpoint is None:
            self._leader = self._nodes[(self._nodes.index(self._leader) + 1) % len(self._nodes)]
            return True
        node = self.node_at(endpoint)
        if node is None or node == self._leader:
            return False
        self._leader = node
        return True

    def confirm(self, node: str) -> None:
        """Hear that `node` did what only a leader does."""
        self._group.rumour.leader = node

    async def close(self) -> None:
        """Drop every connection."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()
        self._members.clear()
        self._copies.clear()
        await self._agency.close()

    def _open(self, node: str) -> None:
        self._transports[node] = transport = self._connect(node)
        requests = Requests(transport, self._group.timeout_s)
        endpoints = self._group.servers
        self._members[node] = ArangoMember(requests, leader_endpoints=endpoints)
        dirty = replace(requests, headers=ALLOW)
        self._copies[node] = ArangoMember(dirty, leader_endpoints=endpoints)
