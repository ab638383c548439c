"""A simulated network that carries whole HTTP messages between hosts, over connections that behave as TCP's
do.

A request and its answer are two messages. Each takes the link's delay and jitter, so messages overtake one
another. A lost message resets its connection. A link that is cut counts what it drops; part of that, drawn
from the seed, arrives after the cut has healed, as TCP sends again, also when nobody waits for the answer
any more. What a paused server gets waits for it. A port on which nobody listens refuses; a server that dies
resets what it has not answered; a host without power is silent.

Whoever asks first opens a connection: as long as that is under way nothing of the request was sent, and an
asker who gives up then has certainly caused nothing. Afterwards everything is `sent`. A connection to a
server that was killed is known to be closed before the next request is written; one to a host that lost
power is not.

Duplication delivers a request twice. TCP never does that, so links from clients never do; between servers
it stands for the retries of whoever is in between, and internal requests must bear it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from zlib import crc32

from harness.environment import Cut
from harness.environments.simulation.loop import Owner, SimulatedLoop
from harness.environments.simulation.trace import Trace
from reference.world import Handler, Request, Response, Unreachable

CLIENTS = "clients"
"""The host on which all clients live. It is never cut off."""
_SENT_AGAIN = 0.9
"""The part of what a cut link drops that arrives after the cut, as TCP sends again; the rest never does."""
_FIRST_BACKOFF_S, _LAST_BACKOFF_S = 0.2, 1.0
"""How long TCP waits until it sends again, at first and at most; each time twice as long."""


@dataclass(slots=True)
class Link:
    """How messages travel from one host to another; `loss` and `duplication` are probabilities per
    message."""

    delay_s: float = 0.0003
    jitter_s: float = 0.0003
    loss: float = 0.0
    duplication: float = 0.0


@dataclass(eq=False, slots=True)
class Port:
    """A listening server."""

    handler: Handler
    owner: Owner
    number: int
    is_closing: bool = False
    has_vanished: bool = False
    """Its host lost power: nobody was told that its connections are gone."""
    unanswered: dict[int, Exchange] = field(default_factory=dict)
    emptied: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False, slots=True)
class Caller:
    """Who asks: a server, or one connection of a client. `peers` are those it has a connection to."""

    host: str
    peers: dict[tuple[str, int], Port] = field(default_factory=dict)

    def peer(self, destination: str, port: int) -> Port | None:
        """The other end of an open connection, as far as this side knows."""
        peer = self.peers.get((destination, port))
        if peer is not None and (peer.owner.dead or peer.is_closing) and not peer.has_vanished:
            return None
        return peer


@dataclass(eq=False, slots=True)
class Exchange:
    """One request on its way to an answer, or to none."""

    number: int
    caller: Caller
    destination: str
    port: int
    request: Request
    answer: asyncio.Future[Response]
    peer: Port | None
    is_sent: bool


class SimulatedNetwork:
    """All links and ports of one world."""

    def __init__(self, loop: SimulatedLoop, random: Random, trace: Trace) -> None:
        self.messages = 0
        self.default = Link()
        self.links: dict[Cut, Link] = {}
        self._loop = loop
        self._random = random
        self._trace = trace
        self._ports: dict[tuple[str, int], Port] = {}
        self._cuts: dict[Cut, int] = {}
        self._outages: dict[str, int] = {}
        self._unheard: dict[str, list[Exchange]] = {}
        self._silent: dict[str, None] = {}
        self._numbers = 0

    # What the harness does to it.

    def cut(self, cuts: Sequence[Cut]) -> None:
        """Drop everything on these directed links from now on."""
        for link in cuts:
            self._cuts.setdefault(link, 0)

    def dropped(self) -> Mapping[Cut, int]:
        """Messages dropped on each link that is cut now."""
        return dict(self._cuts)

    def heal(self) -> None:
        """End every cut; what TCP still wants to deliver comes when it is sent again."""
        self._cuts.clear()

    def lose_power(self, host: str) -> None:
        """Silence a host; all that it wanted to send is gone, and nobody is told."""
        self._silent[host] = None
        self._outages[host] = self._outages.get(host, 0) + 1
        unheard = self._unheard.setdefault(host, [])
        for at in [at for at in self._ports if at[0] == host]:
            port = self._ports.pop(at)
            port.has_vanished = True
            unheard.extend(port.unanswered.values())

    def restore_power(self, host: str) -> None:
        """Let a host hear and speak again; what is sent to it again meets a kernel without the connection."""
        self._silent.pop(host, None)
        for exchange in self._unheard.pop(host, []):
            self._later(self._random.random() * _LAST_BACKOFF_S, partial(self._arrive, exchange))

    def die(self, owner: Owner) -> None:
        """The kernel closes all connections of a server that was killed."""
        for at in [at for at, port in self._ports.items() if port.owner is owner]:
            for exchange in self._ports.pop(at).unanswered.values():
                self._break(exchange, "connection reset by peer")

    # What servers and clients ask of it.

    def listen(self, host: str, number: int, handler: Handler, owner: Owner) -> Port:
        """Serve a port; raises OSError if it is taken."""
        if (host, number) in self._ports:
            raise OSError(98, f"port {number} of {host} is in use")
        port = self._ports[host, number] = Port(handler, owner, number)
        return port

    async def unlisten(self, host: str, port: Port) -> None:
        """Refuse from now on, let what is in progress end, then go."""
        port.is_closing = True
        while port.unanswered:
            port.emptied.clear()
            await port.emptied.wait()
        if self._ports.get((host, port.number)) is port:
            del self._ports[host, port.number]

    async def request(
        self, caller: Caller, destination: str, port: int, request: Request, timeout_s: float
    ) -> Response:
        """Send once, await the answer; raises Unreachable."""
        self._numbers += 1
        peer = caller.peer(destination, port)
        answer: asyncio.Future[Response] = self._loop.create_future()
        exchange = Exchange(self._numbers, caller, destination, port, request, answer, peer, peer is not None)
        timer = self._later(timeout_s, lambda: self._expire(exchange, timeout_s))
        self._send(exchange)
        link = self._link(caller.host, destination)
        if link.duplication and caller.host != CLIENTS and self._random.random() < link.duplication:
            self._send(exchange)
        try:
            return await answer
        finally:
            timer.cancel()

    # On the way.

    def _link(self, source: str, destination: str) -> Link:
        return self.links.get((source, destination), self.default) if self.links else self.default

    def _send(self, exchange: Exchange) -> None:
        # A connection that must be opened first takes a round trip more.
        trips = 1 if exchange.is_sent else 3
        self._carry(
            exchange, exchange.caller.host, exchange.destination, lambda: self._arrive(exchange), trips
        )

    def _carry(
        self, exchange: Exchange, source: str, destination: str, deliver: Callable[[], None], trips: int = 1
    ) -> None:
        """Take one message over a link, or lose it there."""
        self.messages += 1
        link = self._link(source, destination)
        if (source, destination) in self._cuts:
            self._cuts[source, destination] += 1
            if self._random.random() < _SENT_AGAIN:
                self._send_again(source, destination, deliver)
        elif link.loss and self._random.random() < link.loss:
            self._break(exchange, "connection lost")
        elif source not in self._silent:
            self._later(trips * link.delay_s + self._random.random() * link.jitter_s, deliver)

    def _send_again(self, source: str, destination: str, deliver: Callable[[], None]) -> None:
        """Try until the link carries it or the sender's power is gone; a cut link drops each try."""
        outage = self._outages.get(source)
        wait_s = _FIRST_BACKOFF_S

        def attempt() -> None:
            nonlocal wait_s
            if self._outages.get(source) != outage:
                return
            if (source, destination) not in self._cuts:
                self._later(self._link(source, destination).delay_s, deliver)
                return
            self._cuts[source, destination] += 1
            wait_s = min(2 * wait_s, _LAST_BACKOFF_S)
            self._later(wait_s, attempt)

        self._later(wait_s * (0.5 + self._random.random()), attempt)

    def _later(self, delay_s: float, deliver: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s, deliver, context=self._loop.nobody)

    def _arrive(self, exchange: Exchange) -> None:
        host, asker = exchange.destination, exchange.caller
        if exchange.answer.done() and not exchange.is_sent:
            return
        if host in self._silent:
            self._unheard[host].append(exchange)
            return
        request = exchange.request
        self._trace.add(
            f"{self._loop.now_ns} {asker.host}>{host} {exchange.number} {request.method} {request.target} "
            f"{crc32(request.body)}"
        )
        port = self._ports.get((host, exchange.port))
        if exchange.peer is not None and port is not exchange.peer:
            self._back(exchange, lambda: self._fail(exchange, "connection reset by peer"))
        elif port is None or port.is_closing:
            self._back(exchange, lambda: self._fail(exchange, "connection refused"))
        else:
            exchange.is_sent, exchange.peer = True, port
            asker.peers[host, exchange.port] = port
            port.unanswered[exchange.number] = exchange
            self._loop.create_task(self._handle(port, exchange), context=port.owner.context)

    async def _handle(self, port: Port, exchange: Exchange) -> None:
        """Runs as the server."""
        response = await port.handler(exchange.request)
        port.owner.fence()
        if port.unanswered.pop(exchange.number, None) is not None:
            port.emptied.set()
            self._back(exchange, lambda: self._answer(exchange, response))

    def _back(self, exchange: Exchange, deliver: Callable[[], None]) -> None:
        self._carry(exchange, exchange.destination, exchange.caller.host, deliver)

    def _answer(self, exchange: Exchange, response: Response) -> None:
        said = crc32(repr(response.headers).encode(), crc32(response.body))
        self._trace.add(
            f"{self._loop.now_ns} {exchange.destination}>{exchange.caller.host} {exchange.number} "
            f"{response.status} {said}"
        )
        if exchange.caller.host not in self._silent and not exchange.answer.done():
            exchange.answer.set_result(response)

    def _break(self, exchange: Exchange, reason: str) -> None:
        """End the connection under an exchange, and tell who asked unless the way back is cut or silent."""
        back = (exchange.destination, exchange.caller.host)
        exchange.caller.peers.pop((exchange.destination, exchange.port), None)
        if back not in self._cuts and exchange.destination not in self._silent:
            self._later(self._link(*back).delay_s, lambda: self._fail(exchange, reason))

    def _expire(self, exchange: Exchange, timeout_s: float) -> None:
        during = "for the answer" if exchange.is_sent else "to connect"
        self._fail(exchange, f"waited {timeout_s:g} s {during}")

    @staticmethod
    def _fail(exchange: Exchange, reason: str) -> None:
        exchange.caller.peers.pop((exchange.destination, exchange.port), None)
        if not exchange.answer.done():
            exchange.answer.set_exception(Unreachable(reason, sent=exchange.is_sent))
