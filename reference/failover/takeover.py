"""Takeover: what a change of leader leaves behind on the disk.

A server that leads keeps in a small file since which tick of its log it does. When it follows again, what it
wrote after the tick that its successor had is its *diverged tail*: nobody else has it. Before the sync that
overwrites it, it goes to `diverged/<date>-after-<tick>.jsonl`, in the spelling of `/_api/wal/tail`, synced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from reference.replication.entries import Spelling
from reference.replication.scope import Wanted
from reference.replication.tail import TailQuery, tail
from reference.storage.corruption import CorruptStorage
from reference.storage.engine import Engine
from reference.world import Disk, World

_FILE = "failover/member"
_FOLDER = "diverged"


class Identity(msgspec.Struct, frozen=True):
    """Who this data directory is.

    `led_from`: the tick after which it wrote as leader; None once that has been set aside. `is_copy`: it has
    been a follower since it led; then without the applier's tick its data are a mixture.
    """

    id: str
    led_from: int | None = None
    is_copy: bool = False


async def stored_identity(world: World) -> Identity:
    """The stored identity; made at the first start. Raises CorruptStorage."""
    if not world.disk.exists(_FILE):
        made = Identity(f"SNGL-{_uuid(world)}")
        await keep(world.disk, made)
        return made
    file = world.disk.open(_FILE)
    try:
        return msgspec.json.decode(file.read(0, file.size), type=Identity)
    except msgspec.DecodeError as error:
        raise CorruptStorage(f"{_FILE} does not say who this server is ({error}): restore it") from None
    finally:
        file.close()


async def keep(disk: Disk, identity: Identity) -> None:
    """Store an identity; durable on return."""
    await disk.replace(_FILE, msgspec.json.encode(identity))


def diverged_files(disk: Disk) -> list[str]:
    """The files with tails that were set aside, oldest first."""
    return [f"{_FOLDER}/{name}" for name in disk.list(_FOLDER)]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A diverged tail: ticks in (after, until]; `file` is empty if there was nothing in it."""

    after: int
    until: int
    entries: int
    file: str
    is_whole: bool

    def sentence(self) -> str:
        """For the server's log."""
        if not self.file:
            return f"nothing diverged: the new leader has all that was written here up to tick {self.until}"
        missing = "" if self.is_whole else "; its beginning had been removed from the log already"
        return (
            f"set aside {self.entries} log entries of ticks {self.after + 1} to {self.until}, which the new "
            f"leader does not have, in {self.file}{missing}"
        )


async def set_aside(engine: Engine, after: int) -> SetAside:
    """Write what the log has after tick `after` to a file, if there is anything."""
    clock, disk = engine.world.clock, engine.world.disk
    until = await engine.log.sync()
    spelling = Spelling(engine, numbered=False)
    date = datetime.fromtimestamp(clock.wall_ns() // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{_FOLDER}/{date}-after-{after}.jsonl"
    position, entries, is_whole = after, 0, True
    while position < until:
        piece = await tail(engine, clock, TailQuery(position, until, None, Wanted(True, True)), spelling)
        is_whole = is_whole and piece.from_present
        if piece.body:
            entries += piece.body.count(b"\n")
            await _append(disk, name, piece.body)
        position = max(piece.last_scanned, piece.last_included, position + 1)
    return SetAside(after, until, entries, name if entries else "", is_whole)


async def _append(disk: Disk, name: str, body: bytes) -> None:
    file = disk.open(name)
    try:
        file.append(body)
        await file.sync()
    finally:
        file.close()


def _uuid(world: World) -> str:
    text = f"{world.random.getrandbits(128):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
