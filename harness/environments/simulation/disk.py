"""A simulated disk that knows what was fsynced, and forgets the rest when the power fails.

A file has two states: what was written, which every process sees and which survives a `kill -9`; and what
was synced, which survives a power loss. Between the two lie the unsynced writes in their order. A power
loss keeps, drawn from the seed, none of them, all, or some of the first ones, of which the last may be torn
and an earlier one may be missing (zeros) although a later one arrived; an unsynced cut may be undone.
Renames, replacements and removals are durable when they return, as the door promises, and all or nothing
before; a file that was never synced may be gone altogether.

The disk can also be full, answer EIO, be slow, and flip a bit of what is at rest. When a sync fails, what it
was to write is never written: the system reports the error once and takes the pages for clean (Rebello et
al., "Can Applications Recover from fsync Failures?", 2020). They can be read for a while, from memory, until
the file is opened after memory was short, or the power fails; no later sync brings them to the disk.

Every write, sync, rename and removal is a *boundary* with a number, before and after it: the systematic crash
tests stop a server at each of them.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from harness.environments.simulation.loop import Owner
from harness.environments.simulation.trace import Trace

SYNC_S = 0.0002
"""How long a sync takes on average; half as long to one and a half times as long."""


@dataclass(slots=True)
class Platter:
    """One file. The first `synced` bytes are durable; `unsynced` are the offsets of the writes after them.

    `cut_off` are durable bytes that were cut since the last sync: a power loss may bring them back. `dropped`
    are the parts, from one offset to another, that a failed sync has left in memory alone.
    """

    written: bytearray = field(default_factory=bytearray)
    synced: int = 0
    unsynced: list[int] = field(default_factory=list)
    cut_off: bytes = b""
    dropped: list[tuple[int, int]] = field(default_factory=list)
    is_durable: bool = False

    def append(self, data: bytes) -> None:
        """Add to the end, not yet durable."""
        self.unsynced.append(len(self.written))
        self.written += data

    def truncate(self, size: int) -> None:
        """Cut; durable with the next sync."""
        if size < self.synced:
            self.cut_off = bytes(self.written[size : self.synced]) + self.cut_off
            self.synced = size
        del self.written[size:]
        self.unsynced = [at for at in self.unsynced if at < size]
        self.dropped = [(at, min(end, size)) for at, end in self.dropped if at < size]

    def sync(self, size: int) -> None:
        """Make the first `size` bytes durable; what came later is left for a later sync."""
        self.synced = max(self.synced, min(size, len(self.written)))
        self.unsynced = [at for at in self.unsynced if at >= self.synced]
        self.cut_off = b""
        self.is_durable = True

    def drop(self, size: int) -> None:
        """Fail to make the first `size` bytes durable: what was not is in memory alone, and looks clean."""
        if min(size, len(self.written)) > self.synced:
            self.dropped.append((self.synced, min(size, len(self.written))))
            self.synced = self.dropped[-1][1]
            self.unsynced = [at for at in self.unsynced if at >= self.synced]

    def forget(self) -> None:
        """Lose what is in memory alone: nothing is there, or at the very end not even that."""
        for at, end in reversed(self.dropped):
            if end == len(self.written):
                del self.written[at:]
                self.synced = min(self.synced, at)
            else:
                self.written[at:end] = bytes(end - at)
        self.dropped = []

    def lose_power(self, random: Random) -> None:
        """Forget what was not synced, but for what chance kept."""
        if self.cut_off and random.random() < 0.5:
            kept = self.written[: self.synced] + self.cut_off
        else:
            kept = self._survivors(random)
        self.written, self.synced, self.unsynced, self.cut_off = kept, len(kept), [], b""
        self.forget()
        self.is_durable = self.is_durable or bool(kept)

    def _survivors(self, random: Random) -> bytearray:
        ends = [*self.unsynced, len(self.written)][1:]
        writes = list(zip(self.unsynced, ends, strict=True))[: random.randint(0, len(self.unsynced))]
        is_torn, is_reordered = random.random() < 0.4, random.random() < 0.2
        kept = self.written[: self.synced]
        for number, (at, end) in enumerate(writes, 1):
            if number == len(writes) and is_torn:
                kept += self.written[at : random.randint(at, end)]
            elif number < len(writes) and is_reordered and random.random() < 0.5:
                kept += bytes(end - at)
            else:
                kept += self.written[at:end]
        return kept


class HostDisk:
    """The disk of one host. It outlives the servers that use it.

    `at_boundary` is called with the number of each boundary and what happens there; it may kill the server.
    """

    def __init__(self, host: str, random: Random, trace: Trace) -> None:
        self.host = host
        self.random = random
        self.trace = trace
        self.files: dict[str, Platter] = {}
        self.sync_s = SYNC_S
        self.slow_s = 0.0
        """How much longer a sync takes because the disk is broken."""
        self.stall_s = 0.0
        """The same, while the disk is busy with itself, as every disk is now and then."""
        self.capacity_bytes: int | None = None
        self.is_failing = False
        self.fails_syncs = False
        """Whether only what waits for the disk fails: what is written goes to memory."""
        self.boundaries = 0
        self.at_boundary: Callable[[int, str], None] | None = None
        self.lost_bytes = 0
        self.refusals = 0
        self.slow_syncs = 0

    @property
    def used_bytes(self) -> int:
        """What all files hold."""
        return sum(len(platter.written) for platter in self.files.values())

    def lose_power(self) -> int:
        """Forget what was not synced; returns how many bytes that were."""
        before = self.used_bytes
        for name in sorted(self.files):
            platter = self.files[name]
            platter.lose_power(self.random)
            if not platter.is_durable:
                del self.files[name]
        lost = before - self.used_bytes
        self.lost_bytes += lost
        self.trace.add(f"{self.host} lost power and {lost} bytes")
        return lost

    def flip_bit(self, name: str) -> int:
        """Flip one bit of what is at rest in a file that has something; returns its offset in bytes."""
        platter = self.files[name]
        at = self.random.randrange(platter.synced)
        platter.written[at] ^= 1 << self.random.randrange(8)
        self.trace.add(f"{self.host} flipped a bit at {at} of {name}")
        return at

    def boundary(self, what: str) -> None:
        """Pass one point at which a crash makes a difference."""
        self.boundaries += 1
        if self.at_boundary is not None:
            self.at_boundary(self.boundaries, what)

    def room(self, growth: int) -> int:
        """How much of `growth` bytes there is room for. Raises EIO from a failing disk."""
        if self.is_failing:
            self.refuse(errno.EIO)
        if self.capacity_bytes is None:
            return growth
        return max(0, min(growth, self.capacity_bytes - self.used_bytes))

    def synced(self) -> None:
        """Whether a sync that ends now succeeds. Raises EIO from a failing disk."""
        if self.is_failing or self.fails_syncs:
            self.refuse(errno.EIO)

    def refuse(self, number: int) -> None:
        """Raise what a real disk would answer."""
        self.refusals += 1
        raise OSError(number, os.strerror(number))


class ServerDisk:
    """The Disk door of one server: a folder of its host's disk. Closed for good when the server dies."""

    def __init__(self, host: HostDisk, folder: str, owner: Owner) -> None:
        self.host = host
        self.owner = owner
        self._folder = folder

    def open(self, name: str) -> OpenFile:
        """Open, or create an empty file that is not durable yet."""
        self.owner.fence()
        self.host.room(0)
        path = self._path(name)
        if path not in self.host.files:
            self.host.files[path] = Platter()
        elif self.host.files[path].dropped and self.host.random.random() < 0.5:
            self.host.files[path].forget()
            self.host.trace.add(f"{self.host.host} read {path} from the disk")
        return OpenFile(self, path, self.host.files[path])

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        self.owner.fence()
        return self._path(name) in self.host.files

    def list(self, folder: str) -> list[str]:
        """Names directly in the folder."""
        self.owner.fence()
        prefix = self._path(folder).rstrip("/") + "/"
        inside = (path[len(prefix) :] for path in self.host.files if path.startswith(prefix))
        return sorted(name for name in inside if "/" not in name)

    async def replace(self, name: str, data: bytes) -> None:
        """All or nothing: the new content counts from the rename on."""
        path, content = self._path(name), bytearray(data)
        await self._change(
            f"replace {path}",
            lambda: self.host.files.update({path: Platter(content, len(content), is_durable=True)}),
            len(data),
        )

    async def rename(self, old: str, new: str) -> None:
        """Durable when it returns."""
        path, target = self._path(old), self._path(new)
        await self._change(
            f"rename {path} {target}", lambda: self.host.files.update({target: self.host.files.pop(path)})
        )

    async def remove(self, name: str) -> None:
        """Durable when it returns."""
        path = self._path(name)
        await self._change(f"remove {path}", lambda: self.host.files.pop(path, None))

    async def _change(self, what: str, effect: Callable[[], object], growth: int = 0) -> None:
        if self.host.room(growth) < growth:
            self.host.refuse(errno.ENOSPC)
        await self.wait(what, effect)
        self.host.trace.add(f"{self.host.host} {what} {growth}")

    async def wait(self, what: str, effect: Callable[[], object]) -> None:
        """Take the time of a sync; the effect is there at its beginning or at its end, as chance has it."""
        host = self.host
        self.owner.fence()
        # What a broken disk is asked to do it never does; one that breaks meanwhile may have done it.
        is_early = host.random.random() < 0.5 and not (host.is_failing or host.fails_syncs)
        if is_early:
            self._pass(what, effect)
        host.slow_syncs += host.slow_s > 0
        await asyncio.sleep((host.sync_s + host.slow_s + host.stall_s) * (0.5 + host.random.random()))
        self.owner.fence()
        host.synced()
        if not is_early:
            self._pass(what, effect)

    def _pass(self, what: str, effect: Callable[[], object]) -> None:
        self.host.boundary(f"before {what}")
        self.owner.fence()
        effect()
        self.host.boundary(f"after {what}")
        self.owner.fence()

    def _path(self, name: str) -> str:
        """The host's path of a name."""
        return f"{self._folder}/{name}" if name else self._folder


class OpenFile:
    """An open file of one server."""

    def __init__(self, disk: ServerDisk, path: str, platter: Platter) -> None:
        self._disk = disk
        self._host = disk.host
        self._owner = disk.owner
        self._path = path
        self._platter = platter

    @property
    def size(self) -> int:
        """Bytes written, durable or not."""
        return len(self._platter.written)

    def append(self, data: bytes) -> None:
        """Write. A disk that becomes full takes the part that fits, as write(2) does."""
        self._owner.fence()
        room = self._host.room(len(data))
        self._host.boundary(f"before write {self._path}")
        self._owner.fence()
        self._platter.append(bytes(data[:room]))
        self._host.boundary(f"after write {self._path}")
        self._owner.fence()
        if room < len(data):
            self._host.refuse(errno.ENOSPC)

    async def sync(self) -> None:
        """Make durable what was written before the call."""
        size = len(self._platter.written)
        try:
            await self._disk.wait(f"sync {self._path}", lambda: self._platter.sync(size))
        except OSError:
            self._platter.drop(size)
            raise
        self._host.trace.add(f"{self._host.host} synced {self._path} {size}")

    def read(self, offset: int, length: int) -> bytes:
        """What was written, durable or not."""
        self._owner.fence()
        self._host.room(0)
        return bytes(self._platter.written[offset : offset + length])

    def truncate(self, size: int) -> None:
        """Cut the file."""
        self._owner.fence()
        self._host.room(0)
        self._platter.truncate(size)

    def close(self) -> None:
        """Nothing to let go of."""
