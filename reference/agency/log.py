"""Log: one agent's promises on the disk. What the consensus core wants durable, in the order it wanted it.

A file of frames `magic, length, CRC-32, durable, record`; a record is one `Persist` of the core, and
`durable` says how many bytes of the file were known to be synced when the frame was written. A file begins
with one record that says everything, and is put in place whole; so its first frame can be read, or the
disk lies. Reading stops at the first frame that cannot be read. If a readable one behind it says that this
place had been durable, the disk lost what it had promised: refuse. Otherwise it is the torn end of what
nobody was told of: cut. Not detectable: loss at the very end, of which nothing on the disk gives evidence.

Not here: what is in a record (`raft.durable`). The storage's log is no use here: its ticks never go back,
while a member of a Raft group takes back what was never agreed on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from zlib import crc32

import msgspec

from reference.raft import DamagedLogError, Durable, Persist, recover
from reference.raft.durable import decode, encode
from reference.storage.corruption import CorruptStorage
from reference.world import Disk, File

_NAME = "agency/log"
_MEMBERS = "agency/members"
_MAGIC = b"\xffPA1"
_ADVICE = (
    "keep this agent down and do not let it start empty: one that forgets its votes endangers the others"
)
_HEAD = struct.Struct("<4sIIQ")  # magic, length of the record, CRC of durable and record, durable
_DURABLE = struct.Struct("<Q")


class Log:
    """The open file. After an OSError of any method nobody knows what is on the disk: the agent must end."""

    def __init__(self, disk: Disk, file: File) -> None:
        self._disk = disk
        self._file = file
        self._durable = file.size

    @classmethod
    async def open(cls, disk: Disk) -> tuple[Log, Durable, str]:
        """The log, what it holds, and a sentence if something was cut. Raises CorruptStorage and OSError."""
        if not disk.exists(_NAME):
            await disk.replace(_NAME, _frame(Durable().whole(), 0))
        file = disk.open(_NAME)
        records, cut = [], 0
        data = file.read(0, file.size)
        for record, end in _frames(data):
            records.append(record)
            cut = end
        sentence = ""
        if cut < len(data):
            _refuse_what_was_durable(data, cut)
            sentence = f"cut a torn end of {len(data) - cut} bytes from {_NAME}"
        # What a killed process had only written may count from now on, so it must not go any more. It is
        # written anew, because what a failed fsync has left in memory looks clean to the next one.
        file.close()
        await disk.replace(_NAME, data[:cut])
        file = disk.open(_NAME)
        try:
            return cls(disk, file), recover(records), sentence
        except DamagedLogError as error:
            raise CorruptStorage(f"{_NAME}: {error}; {_ADVICE}") from None

    def append(self, record: Persist) -> None:
        """Hand over a record; it is durable after the next `sync`."""
        self._file.append(_frame(record, self._durable))

    async def sync(self) -> None:
        """Return when all that was appended before survives a power loss."""
        size = self._file.size
        await self._file.sync()
        self._durable = max(self._durable, size)

    async def compact(self) -> None:
        """Begin the file anew, with one record for all that it holds. Nothing may be appended meanwhile."""
        held = recover(record for record, _ in _frames(self._file.read(0, self._file.size)))
        await self._disk.replace(_NAME, _frame(held.whole(), 0))
        self._file.close()
        self._file = self._disk.open(_NAME)
        self._durable = self._file.size

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._file.size

    def close(self) -> None:
        """Close the file."""
        self._file.close()


async def claim(disk: Disk, member: str, members: Sequence[str]) -> None:
    """Note whose folder this is. Raises CorruptStorage if it is another's: its votes are not this one's."""
    wanted = msgspec.json.encode({"member": member, "members": sorted(members)})
    if not disk.exists(_MEMBERS):
        await disk.replace(_MEMBERS, wanted)
        return
    file = disk.open(_MEMBERS)
    found = file.read(0, file.size)
    file.close()
    if found != wanted:
        raise CorruptStorage(
            f"the folder belongs to another agent or agency: {found.decode(errors='replace')[:500]}, "
            f"not {wanted.decode()}; agents keep their addresses for life"
        )


def _frame(record: Persist, durable: int) -> bytes:
    covered = _DURABLE.pack(durable) + encode(record)
    length = len(covered) - _DURABLE.size
    return _HEAD.pack(_MAGIC, length, crc32(covered, length), durable) + covered[_DURABLE.size :]


def _read(data: bytes, offset: int) -> tuple[bytes, int, int] | None:
    """The record's bytes, its `durable` and the offset behind it; None if no frame is there."""
    start = offset + _HEAD.size
    if start > len(data):
        return None
    magic, length, checksum, durable = _HEAD.unpack_from(data, offset)
    if magic != _MAGIC or start + length > len(data):
        return None
    body = data[start : start + length]
    if crc32(_DURABLE.pack(durable) + body, length) != checksum:
        return None
    return body, durable, start + length


def _frames(data: bytes) -> Iterator[tuple[Persist, int]]:
    """Each record and the offset behind it, up to the first that cannot be read."""
    offset = 0
    while (found := _read(data, offset)) is not None:
        offset = found[2]
        yield decode(found[0]), offset


def _refuse_what_was_durable(data: bytes, damage: int) -> None:
    witness = -1 if damage else 0
    offset = data.find(_MAGIC, damage)
    while witness < 0 <= offset:
        found = _read(data, offset)
        if found is not None and found[1] > damage:
            witness = offset
        offset = data.find(_MAGIC, offset + 1)
    if witness >= 0:
        raise CorruptStorage(
            f"{_NAME} is damaged at offset {damage}, but that was durable (offset {witness} says so): "
            f"this is no torn end; {_ADVICE}"
        )
