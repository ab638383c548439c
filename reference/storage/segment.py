"""One file of the log. Its name is its first tick, so a gap between two segments shows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from reference.storage.frames import read_frames
from reference.storage.record import FIRST_LOGGED, Draft, Record, Type, encode
from reference.world import Disk, File

FOLDER = "journals"
_SUFFIX = ".log"
_INDEX_STEP = 4 * 1024
HEADER_BYTES = len(encode(Draft(Type.SEGMENT, 0), 0, 0, 0))
"""What stands before the first record."""


def segment_name(first_tick: int) -> str:
    """File name of the segment that begins with `first_tick`."""
    return f"{FOLDER}/{first_tick:020d}{_SUFFIX}"


def first_tick_of(name: str) -> int:
    """The tick in a segment's file name."""
    return int(name.rsplit("/", 1)[1].removesuffix(_SUFFIX))


def segment_names(disk: Disk) -> list[str]:
    """All segments on the disk, oldest first."""
    return [f"{FOLDER}/{name}" for name in disk.list(FOLDER) if name.endswith(_SUFFIX)]


@dataclass(slots=True)
class Segment:
    """A segment with ticks first_tick..last_tick (last < first: empty) and a sparse index tick -> offset."""

    name: str
    file: File
    first_tick: int
    last_tick: int
    closed_ns: int | None = None
    """When the log went on in another segment (monotonic); None: still written to."""
    claimed: int = 0
    """Up to which tick its frames say that the log was synced when they were written."""
    _ticks: list[int] = field(default_factory=list)
    _offsets: list[int] = field(default_factory=list)

    @classmethod
    def create(cls, disk: Disk, first_tick: int, synced: int) -> Segment:
        """Begin a new file; raises OSError."""
        name = segment_name(first_tick)
        file = disk.open(name)
        try:
            # Left by a creation that a full disk interrupted: nothing in it was ever acknowledged.
            file.truncate(0)
            file.append(encode(Draft(Type.SEGMENT, 0), first_tick, 0, synced))
        except OSError:
            file.close()
            raise
        return cls(name, file, first_tick, first_tick - 1)

    def note(self, tick: int, offset: int) -> None:
        """Remember where a record begins, every now and then."""
        if not self._offsets or offset - self._offsets[-1] >= _INDEX_STEP:
            self._ticks.append(tick)
            self._offsets.append(offset)

    def offset_near(self, tick: int) -> int:
        """Where to begin reading so as to meet `tick`."""
        position = bisect_right(self._ticks, tick) - 1
        return self._offsets[position] if position >= 0 else 0

    def records(self, from_tick: int) -> Iterator[Record]:
        """Records with a tick greater than `from_tick`, straight from the file."""
        for record, _ in read_frames(self.file, self.offset_near(from_tick + 1)):
            if record.type >= FIRST_LOGGED and record.tick > from_tick:
                yield record
