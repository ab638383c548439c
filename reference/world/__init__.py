"""The only three doors to the outside: Clock, Network, Disk.

Everything in `reference` outside `world.real` reaches time, other servers and storage through these protocols
alone, so the same code runs on real machines and, with other doors, in virtual time. Concurrency is plain
asyncio on whatever loop runs; randomness comes from the world's seeded source.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from random import Random


class Clock(Protocol):
    """Time as one server sees it; skewed and slowed in simulation."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back; meaningful as differences only."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 as this server believes; may jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""
        ...


class Request(msgspec.Struct, frozen=True):
    """An HTTP request. `target` is path and query as sent; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


class Response(msgspec.Struct, frozen=True):
    """An HTTP response. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


class Unreachable(Exception):  # noqa: N818 - a state of the network, named as such
    """No answer came. `sent` is False only if certainly no byte of the request left this server."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


Handler = Callable[[Request], Awaitable[Response]]


class Listener(Protocol):
    """A served endpoint."""

    async def close(self) -> None:
        """Take no more requests, let those in progress end, then stop."""
        ...


class Network(Protocol):
    """Requests to other servers, and from clients. Endpoints are `tcp://host:port`, as in arangod."""

    async def request(self, endpoint: str, request: Request, *, timeout_s: float) -> Response:
        """Send one request once and await the answer; raises Unreachable."""
        ...

    async def serve(self, endpoint: str, handler: Handler) -> Listener:
        """Answer requests to `endpoint` with `handler`; raises OSError if it cannot be bound."""
        ...


class File(Protocol):
    """An open file that grows at its end."""

    @property
    def size(self) -> int:
        """Bytes written so far, durable or not."""
        ...

    def append(self, data: bytes) -> None:
        """Hand `data` to the operating system: it survives the process, not yet the machine.

        Raises OSError; then any part of it may have been written.
        """
        ...

    async def sync(self) -> None:
        """Return when everything appended before the call survives a power loss. Raises OSError."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`, written or synced alike."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes; durable after the next sync."""
        ...

    def close(self) -> None:
        """Close it without a sync."""
        ...


class Disk(Protocol):
    """One server's data directory. Names are relative paths with `/`."""

    def open(self, name: str) -> File:
        """Open for reading and appending; created, with its folders, if it does not exist."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def list(self, folder: str) -> list[str]:
        """Names of the files directly in `folder`, sorted; empty if there is no such folder."""
        ...

    async def replace(self, name: str, data: bytes) -> None:
        """Write a whole small file so that after a power loss either the old or the new content is there."""
        ...

    async def rename(self, old: str, new: str) -> None:
        """Rename durably, replacing `new`. The file's content must have been synced before."""
        ...

    async def remove(self, name: str) -> None:
        """Remove durably; it is no error if it does not exist."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """All that a server may touch."""

    clock: Clock
    network: Network
    disk: Disk
    random: Random
