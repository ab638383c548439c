"""Reading the log back after a restart: torn tail or corrupt middle?

The first frame that cannot be read, of tick t, is the question. If any readable frame after it says that t
had been durable (`synced` >= t), the disk has lost what it had promised: refuse. If none does, t was never
fsynced as far as anyone knows, and everything from there on is cut (from the beginning of its transaction, if
it is inside one). Readable frames after the gap go as well: the disk may write unsynced pages in any order,
and a log with a hole is no log. Not detectable: loss at the very end of which nothing on the disk gives
evidence.

What was read may never have been synced, and counts from now on. So it is made durable, all of it: a file
whose last records no later frame says to be synced is written anew, because what a failed fsync has left in
memory looks clean to the next one.

A segment without any record, before others, is what a full disk left when a new one was begun and the log
went on in the old one: its name stands for nothing, and it goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference.storage.corruption import CorruptStorage
from reference.storage.record import COMMIT, FIRST_LOGGED, MAGIC, Record, Type, decode
from reference.storage.segment import HEADER_BYTES, Segment, first_tick_of, segment_names
from reference.world import Disk, World

Apply = Callable[[Sequence[Record]], None]
"""Takes the records of one unit: one record, or a whole transaction with its begin and commit."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The log as found: its segments (the last is open), and sentences about what was done."""

    segments: list[Segment]
    report: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Gap:
    """The first tick that cannot be read, and where it should be."""

    tick: int
    where: str
    following: int
    """Which of the segments' names come after the gap."""
    damaged: Segment | None = None
    damage: int = 0
    """Where reading the damaged segment failed."""
    cut: int = 0
    """Its first byte that is not part of a whole unit."""


async def recover(world: World, start_tick: int, apply: Apply) -> Recovered:
    """Read all segments, apply the units after `start_tick` (the checkpoint's), and repair the torn tail.

    Raises CorruptStorage.
    """
    names, leftovers = _by_content(world.disk)
    segments: list[Segment] = []
    gap: _Gap | None = None
    for position, name in enumerate(names):
        gap = _missing(name, position, segments, start_tick)
        if gap is not None:
            break
        file = world.disk.open(name)
        segment = Segment(name, file, first_tick_of(name), 0, closed_ns=world.clock.monotonic_ns())
        segments.append(segment)
        gap = _scan(segment, position, file.read(0, file.size), start_tick, apply)
        if gap is not None:
            break
        await asyncio.sleep(0)  # a server that starts may already answer that it starts
    report = await _repair(world.disk, names, segments, gap, start_tick) if gap is not None else ()
    for name in leftovers:
        await world.disk.remove(name)
    if segments:
        segments[-1].closed_ns = None
        if segments[-1].last_tick < start_tick:
            raise CorruptStorage(
                f"the log ends at tick {segments[-1].last_tick} in {segments[-1].name}, but the checkpoint "
                f"is at tick {start_tick}: the newest segments are missing; restore them from a backup"
            )
    claimed = max((segment.claimed for segment in segments), default=0)
    for segment in segments:
        if segment.first_tick <= segment.last_tick <= claimed:
            await segment.file.sync()
        else:
            await _rewrite(world.disk, segment)
    return Recovered(segments, report)


async def _rewrite(disk: Disk, segment: Segment) -> None:
    """Write anew what nothing shows to be on the disk: after a failed fsync it may be in memory alone, where
    it looks clean, so that no further fsync would write it.
    """
    content = segment.file.read(0, segment.file.size)
    segment.file.close()
    await disk.replace(segment.name, content)
    segment.file = disk.open(segment.name)


def _by_content(disk: Disk) -> tuple[list[str], list[str]]:
    """The segments, and the leftovers among them: those that hold no record although others follow."""
    names = segment_names(disk)
    leftovers = []
    for name in names[:-1]:
        file = disk.open(name)
        if file.size <= HEADER_BYTES:
            leftovers.append(name)
        file.close()
    return [name for name in names if name not in leftovers], leftovers


def _missing(name: str, position: int, segments: list[Segment], start_tick: int) -> _Gap | None:
    """A gap if the segment `name` does not go on where the one before it ended."""
    first = first_tick_of(name)
    expected = segments[-1].last_tick + 1 if segments else start_tick + 1
    if first == expected or (not segments and first < expected):
        return None
    return _Gap(expected, f"the segment before {name} is missing (tick {expected})", position)


def _scan(segment: Segment, position: int, data: bytes, start_tick: int, apply: Apply) -> _Gap | None:
    """Index and apply one segment; where it stops being readable."""
    offset, whole, tick = 0, 0, segment.first_tick - 1
    unit: list[Record] = []
    while offset < len(data):
        frame = decode(data, offset)
        if frame is None or not _continues(frame[0], tick, segment):
            break
        record, segment.claimed, end = frame
        if record.type >= FIRST_LOGGED:
            segment.note(record.tick, offset)
            tick = record.tick
            unit.append(record)
            if record.transaction == 0 or record.type == COMMIT:
                if tick > start_tick:
                    apply(unit)
                unit = []
        offset = end
        if not unit:
            whole = end
    segment.last_tick = tick - len(unit)
    if offset == len(data) and whole == offset and offset > 0:
        return None
    where = f"{segment.name} is damaged at offset {offset} (tick {tick + 1})"
    return _Gap(tick + 1, where, position + 1, segment, offset, whole)


def _continues(record: Record, tick: int, segment: Segment) -> bool:
    if record.type >= FIRST_LOGGED:
        return record.tick == tick + 1
    return record.type == Type.SYNCED or record.tick == segment.first_tick


async def _repair(
    disk: Disk, names: Sequence[str], segments: list[Segment], gap: _Gap, start_tick: int
) -> tuple[str, ...]:
    """Cut the torn tail, or refuse."""
    if gap.tick <= start_tick:
        raise _refusal(gap, f"the checkpoint at tick {start_tick}")
    lost = 0
    if gap.damaged is not None:
        file = gap.damaged.file
        lost += file.size - gap.cut
        _check_claims(gap, gap.damaged.name, file.read(gap.damage, file.size - gap.damage), gap.damage)
    for name in names[gap.following :]:
        file = disk.open(name)
        lost += file.size
        _check_claims(gap, name, file.read(0, file.size), 0)
        file.close()
    for name in reversed(names[gap.following :]):
        await disk.remove(name)
    if gap.damaged is not None and gap.cut > 0:
        gap.damaged.file.truncate(gap.cut)
    elif gap.damaged is not None:
        segments.pop().file.close()
        await disk.remove(gap.damaged.name)
    last_tick = segments[-1].last_tick if segments else start_tick
    return (f"cut a torn tail of {lost} bytes after tick {last_tick}: {gap.where}",)


def _check_claims(gap: _Gap, name: str, data: bytes, base: int) -> None:
    """Refuse if a readable frame in `data` says that the gap's tick was durable."""
    offset = data.find(MAGIC)
    while offset >= 0:
        frame = decode(data, offset)
        if frame is not None and frame[1] >= gap.tick:
            raise _refusal(gap, f"{name} at offset {base + offset}")
        offset = data.find(MAGIC, offset + 1)


def _refusal(gap: _Gap, witness: str) -> CorruptStorage:
    return CorruptStorage(
        f"{gap.where}, but {witness} says that this tick was durable: "
        f"this is no torn tail; restore the data directory from a backup"
    )
