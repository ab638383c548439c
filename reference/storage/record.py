"""One entry of the write-ahead log, and its bytes on the disk.

A frame is `magic, length, CRC-32, header, key, body`; the CRC covers all that follows it, the length as well.
The magic contains a byte that no UTF-8 text has, so the next frame after a damaged spot can be found.
Every frame says up to which tick the log was known to be on the disk when the frame was written (`synced`):
from that recovery tells corruption of what had been durable from the torn end of what had not.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from zlib import crc32

import msgspec


class Type(IntEnum):
    """What a record does: ArangoDB's marker types, and below 1000 the storage's own."""

    SEGMENT = 1
    """First frame of a log file; `tick` is that of its first record."""
    SYNCED = 2
    """Says only that the log was durable up to `synced`; takes no tick."""
    CHECKPOINT = 3
    """First frame of a checkpoint; `tick` is the snapshot's."""
    CHECKPOINT_END = 4
    """Last frame of a checkpoint; `revision` is the number of frames before it."""
    GONE = 5
    """In a checkpoint: a database or collection that was dropped, as the log's readers must still know it."""
    CREATE_DATABASE = 1100
    DROP_DATABASE = 1101
    CREATE_COLLECTION = 2000
    DROP_COLLECTION = 2001
    RENAME_COLLECTION = 2002
    CHANGE_COLLECTION = 2003
    TRUNCATE = 2004
    CREATE_INDEX = 2100
    DROP_INDEX = 2101
    BEGIN = 2200
    COMMIT = 2201
    PUT = 2300
    """Insert, replace or update: `body` is the whole document."""
    REMOVE = 2302
    """`body` is `{"_key":..,"_rev":..}`, `revision` that of the removal."""


# The same as plain integers, for the loops that see every record: members of an enumeration compare slowly.
FIRST_LOGGED = int(Type.CREATE_DATABASE)
BEGIN = int(Type.BEGIN)
COMMIT = int(Type.COMMIT)
PUT = int(Type.PUT)
REMOVE = int(Type.REMOVE)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of the log.

    `type` is a Type, `database` and `collection` are ids (0: none), `transaction` is 0 for a record that
    stands alone, `body` is JSON (empty: none).
    """

    tick: int
    type: int
    database: int
    collection: int
    transaction: int
    key: str
    revision: int
    body: bytes


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A record that has no tick yet: the log gives it one."""

    type: int
    database: int
    collection: int = 0
    key: str = ""
    revision: int = 0
    body: bytes = b""


MAGIC = b"\xffPW1"
_HEAD = struct.Struct("<4sII")  # magic, length of what follows the CRC, CRC
_META = struct.Struct(
    "<QQHQQQQH"
)  # synced, tick, type, database, collection, transaction, revision, key length
_HEAD_SIZE, _META_SIZE = _HEAD.size, _META.size
_read_head, _read_meta = _HEAD.unpack_from, _META.unpack_from
OVERHEAD = _HEAD_SIZE + _META_SIZE


def encode(record: Draft, tick: int, transaction: int, synced: int) -> bytes:
    """The frame of a record."""
    key = record.key.encode()
    meta = _META.pack(
        synced,
        tick,
        record.type,
        record.database,
        record.collection,
        transaction,
        record.revision,
        len(key),
    )
    payload = meta + key + record.body
    length = len(payload)
    return _HEAD.pack(MAGIC, length, crc32(payload, length)) + payload


def decode(data: bytes, offset: int) -> tuple[Record, int, int] | None:
    """The record whose frame begins at `offset`, its `synced`, and the offset after it; or None."""
    start = offset + _HEAD_SIZE
    if start > len(data):
        return None
    magic, length, checksum = _read_head(data, offset)
    end = start + length
    if magic != MAGIC or end > len(data) or length < _META_SIZE:
        return None
    payload = data[start:end]
    if crc32(payload, length) != checksum:
        return None
    synced, tick, kind, database, collection, transaction, revision, key_length = _read_meta(payload)
    body_at = _META_SIZE + key_length
    key = payload[_META_SIZE:body_at].decode()
    record = Record(tick, kind, database, collection, transaction, key, revision, payload[body_at:])
    return record, synced, end


def frame_length(data: bytes, offset: int) -> int | None:
    """Length of the whole frame that seems to begin at `offset`; None if that is no frame."""
    if len(data) - offset < _HEAD.size or not data.startswith(MAGIC, offset):
        return None
    return _HEAD.size + int(_HEAD.unpack_from(data, offset)[1])
