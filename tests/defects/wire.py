"""Wire: what the agents of a simulated world say to each other, in a script's hands.

Every message between agents passes here. A script can cut agents off, let only one of them ask for votes,
hold messages back, and deliver any message that was ever sent, then or again. To who sent it, a message that
is held or cut looks as if it had arrived: Raft's messages have no answers but other messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.databases.arango_http.failover_deployment import AGENT_PORT
from harness.environments.simulation.network import Caller, SimulatedNetwork
from reference.agency.peers import TARGET, decode_messages, encode_messages
from reference.raft import Message
from reference.raft.messages import AppendRequest, VoteRequest
from reference.world import Request, Response


@dataclass(frozen=True, slots=True)
class Packet:
    """One message on its way between two nodes' agents."""

    source: str
    to: str
    message: Message


Chosen = Callable[[Packet], bool]


class Wire:
    """The messages between the agents on `nodes`."""

    def __init__(self, network: SimulatedNetwork, nodes: Sequence[str]) -> None:
        self.sent: list[Packet] = []
        """All of them, in order, delivered or not."""
        self.requests: list[tuple[str, str]] = []
        """Sender and target of every other request."""
        self.held: list[Packet] = []
        self.holds: Chosen = lambda _: False
        """Which messages are held back until somebody delivers them."""
        self.candidate: str | None = None
        """The only one that may ask for votes; None: anybody."""
        self._blocked: set[tuple[str, str]] = set()
        self._nodes = nodes
        self._request = network.request
        network.request = self._carry  # type: ignore[method-assign]  # the one place that all messages pass

    def isolate(self, *group: str) -> None:
        """Cut these off from the other agents, in both directions."""
        others = [node for node in self._nodes if node not in group]
        for one in group:
            for other in others:
                self._blocked |= {(one, other), (other, one)}

    def mend(self) -> None:
        """End all cuts; nobody is held back and everybody may stand for election again."""
        self._blocked.clear()
        self.candidate = None
        self.holds = lambda _: False

    def passing(self, chosen: Chosen) -> list[Packet]:
        """What was sent and is chosen."""
        return [packet for packet in self.sent if chosen(packet)]

    def take(self, chosen: Chosen) -> list[Packet]:
        """What is held and is chosen; it is not held any more."""
        taken = [packet for packet in self.held if chosen(packet)]
        self.held = [packet for packet in self.held if not chosen(packet)]
        return taken

    async def deliver(self, *packets: Packet) -> None:
        """Let messages arrive, for the first time or again, each when the one before has."""
        for packet in packets:
            request = Request("POST", TARGET, {}, encode_messages([packet.message]))
            await self._request(Caller(packet.source), packet.to, AGENT_PORT, request, 1.0)

    async def _carry(
        self, caller: Caller, destination: str, port: int, request: Request, timeout_s: float
    ) -> Response:
        if request.target != TARGET:
            self.requests.append((caller.host, request.target))
            return await self._request(caller, destination, port, request, timeout_s)
        arriving = []
        for message in decode_messages(request.body):
            packet = Packet(caller.host, destination, message)
            self.sent.append(packet)
            if self._passes(packet):
                arriving.append(message)
        if not arriving:
            return Response(200)
        passing = Request(request.method, request.target, request.headers, encode_messages(arriving))
        return await self._request(caller, destination, port, passing, timeout_s)

    def _passes(self, packet: Packet) -> bool:
        if (packet.source, packet.to) in self._blocked:
            return False
        if is_vote_request(packet) and self.candidate not in (None, packet.source):
            return False
        if self.holds(packet):
            self.held.append(packet)
            return False
        return True


def is_vote_request(packet: Packet) -> bool:
    """Whether it asks for a vote, or would."""
    return isinstance(packet.message, VoteRequest)


def carries_entries(packet: Packet) -> bool:
    """Whether it is a leader's message with entries."""
    return isinstance(packet.message, AppendRequest) and bool(packet.message.entries)
