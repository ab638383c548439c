"""A disk in memory that knows what was synced, for tests.

Power loss keeps what was synced, and any part of the rest.
"""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass, field
from random import Random

from reference.world import Clock, Handler, Listener, Network, Request, Response, World


@dataclass
class Content:
    """A file: its bytes as written, and as they were at the last sync."""

    data: bytearray = field(default_factory=bytearray)
    synced_data: bytes = b""
    is_in_folder: bool = False  # whether the folder knows it durably


class MemoryFile:
    def __init__(self, disk: MemoryDisk, content: Content) -> None:
        self._disk = disk
        self._content = content

    @property
    def size(self) -> int:
        return len(self._content.data)

    def append(self, data: bytes) -> None:
        self._disk.check_space(len(data))
        self._content.data += data

    async def sync(self) -> None:
        size = len(self._content.data)
        await self._disk.pause()
        if self._disk.sync_error is not None:
            raise self._disk.sync_error
        self._disk.syncs += 1
        self._content.synced_data = bytes(self._content.data[:size])
        self._content.is_in_folder = True

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self._content.data[offset : offset + length])

    def truncate(self, size: int) -> None:
        del self._content.data[size:]

    def close(self) -> None:
        pass


class MemoryDisk:
    """Files by name. `power_loss` makes the disk that a server finds afterwards."""

    def __init__(self) -> None:
        self.files: dict[str, Content] = {}
        self.sync_error: OSError | None = None
        self.space: int | None = None
        self.syncs = 0

    def check_space(self, size: int) -> None:
        if self.space is not None and size > self.space:
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.space is not None:
            self.space -= size

    async def pause(self) -> None:
        """A sync takes a while: others run meanwhile."""
        await asyncio.sleep(0)

    def open(self, name: str) -> MemoryFile:
        return MemoryFile(self, self.files.setdefault(name, Content()))

    def exists(self, name: str) -> bool:
        return name in self.files

    def list(self, folder: str) -> list[str]:
        prefix = folder + "/"
        return sorted(name[len(prefix) :] for name in self.files if name.startswith(prefix))

    async def replace(self, name: str, data: bytes) -> None:
        await self.pause()
        self.check_space(len(data))
        self.files[name] = Content(bytearray(data), data, True)

    async def rename(self, old: str, new: str) -> None:
        await self.pause()
        self.files[new] = self.files.pop(old)
        self.files[new].is_in_folder = True

    async def remove(self, name: str) -> None:
        await self.pause()
        self.files.pop(name, None)

    def killed(self) -> MemoryDisk:
        """What is there after the process died: everything written."""
        disk = MemoryDisk()
        disk.files = {
            name: Content(bytearray(file.data), file.synced_data, file.is_in_folder)
            for name, file in self.files.items()
        }
        return disk

    def power_loss(self, random: Random) -> MemoryDisk:
        """What is there after the machine died: all that was synced, and a random part of what was not."""
        disk = MemoryDisk()
        for name, content in self.files.items():
            if not content.is_in_folder and random.random() < 0.3:
                continue
            data = survivors(bytes(content.data), content.synced_data, random)
            disk.files[name] = Content(bytearray(data), data, True)
        return disk


def survivors(data: bytes, synced: bytes, random: Random) -> bytes:
    """Synced bytes, then a prefix of the others, perhaps with a hole in it (pages out of order)."""
    if not data.startswith(synced):  # cut since the last sync, and then written anew
        return random.choice([data, synced])
    tail = bytearray(data[len(synced) : random.randint(len(synced), len(data))])
    if tail and random.random() < 0.5:
        start = random.randrange(len(tail))
        end = min(len(tail), start + random.randint(1, 200))
        tail[start:end] = bytes(end - start)
    return synced + bytes(tail)


class ManualClock:
    """Time that stands still unless moved; sleepers wake when it has passed them."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.wall = 1_700_000_000_000_000_000
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.wall

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now_ns + int(seconds * 1e9), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move on, and let whoever wakes do its work."""
        await settle()
        self.now_ns += int(seconds * 1e9)
        self.wall += int(seconds * 1e9)
        due = [f for at, f in self._sleepers if at <= self.now_ns]
        self._sleepers = [(at, f) for at, f in self._sleepers if at > self.now_ns]
        for future in due:
            if not future.done():
                future.set_result(None)
        await settle()


async def settle() -> None:
    """Let everything that is ready run, and what becomes ready by it."""
    for _ in range(200):
        await asyncio.sleep(0)


class NoNetwork:
    async def request(self, endpoint: str, request: Request, *, timeout_s: float) -> Response:
        raise AssertionError("storage needs no network")

    async def serve(self, endpoint: str, handler: Handler) -> Listener:
        raise AssertionError("storage needs no network")


def memory_world(disk: MemoryDisk | None = None, clock: Clock | None = None, seed: int = 1) -> World:
    """A world around a memory disk."""
    network: Network = NoNetwork()
    return World(clock or ManualClock(), network, disk or MemoryDisk(), Random(seed))
