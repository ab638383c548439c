"""Peers: messages of the consensus core to the other agents.

Each agent has its own queue and its own sender, so one that is dead, paused or cut off delays nobody else.
A request carries all that has queued up. The answer says only that it arrived; what the other agent makes
of the messages comes back as its own messages. Raft does not mind that messages get lost, so none is sent
twice, and a queue that grows longer than the other agent takes loses its oldest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import msgspec

from reference.raft.messages import Message
from reference.world import Request, Unreachable, World

TARGET = "/_api/agency_priv/messages"
_MOST_QUEUED = 64


def encode_messages(messages: Sequence[Message]) -> bytes:
    """The body of a request."""
    return _encode(messages)


def decode_messages(body: bytes) -> list[Message]:
    """Raises msgspec.DecodeError or ValidationError."""
    return _decode(body)


class Peers:
    """The senders to all other agents."""

    def __init__(
        self,
        world: World,
        endpoints: Mapping[str, str],
        headers: Callable[[], Mapping[str, str]],
        timeout_s: float,
    ) -> None:
        """`endpoints` by the members' names."""
        self._queues: dict[str, deque[Message]] = {to: deque(maxlen=_MOST_QUEUED) for to in endpoints}
        self._wake = {to: asyncio.Event() for to in endpoints}
        self._world = world
        self._endpoints = endpoints
        self._headers = headers
        self._timeout_s = timeout_s
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        self._tasks = [asyncio.create_task(self._send_to(to)) for to in self._endpoints]

    async def stop(self) -> None:
        """Send no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def send(self, to: str, message: Message) -> None:
        """Queue a message."""
        self._queues[to].append(message)
        self._wake[to].set()

    async def _send_to(self, to: str) -> None:
        queue, wake, endpoint = self._queues[to], self._wake[to], self._endpoints[to]
        while True:
            await wake.wait()
            wake.clear()
            body = encode_messages(list(queue))
            queue.clear()
            request = Request("POST", TARGET, self._headers(), body)
            try:
                await self._world.network.request(endpoint, request, timeout_s=self._timeout_s)
            except Unreachable:
                # Whoever refuses connections would otherwise be asked as fast as the machine can.
                await self._world.clock.sleep(self._timeout_s / 10)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Message]).decode
