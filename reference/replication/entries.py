"""Entries: log records as they travel, one JSON object per line.

`wal/tail` names database and collection (`db`, `cuid`), the older `logger-follow` numbers them (`database`,
`cid`). `cname` is in both: an arangod leaves it out of `wal/tail`, but a follower that copies only some
collections needs the name of those that it does not have.
"""

from __future__ import annotations

from typing import Any

import msgspec

from reference.storage.engine import Engine
from reference.storage.record import Record, Type

ABORT = 2202
"""A leader may say that a transaction was aborted; ours never shows aborted ones."""
CONTENT_TYPE = "application/x-arango-dump; charset=utf-8"
_encode = msgspec.json.Encoder().encode


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry as a follower reads it; `tid` is 0 if it stands alone, `db` the database's name."""

    tick: int
    type: int
    tid: int
    cuid: str
    cname: str
    data: Any
    db: str = ""


class _Line(msgspec.Struct, gc=False):
    tick: str
    type: int
    tid: str = "0"
    cuid: str = ""
    cname: str = ""
    data: Any = None
    db: str = ""


_decode = msgspec.json.Decoder(_Line).decode


def decode_entry(line: bytes) -> Entry:
    """An entry of `wal/tail`; raises ValueError (which msgspec's errors are) or TypeError if it is none."""
    raw = _decode(line)
    if raw.type in (Type.PUT, Type.REMOVE):
        checked_document(raw.data)
    return Entry(int(raw.tick), raw.type, int(raw.tid), raw.cuid, raw.cname, raw.data, raw.db)


def checked_document(value: Any) -> dict[str, Any]:
    """`value` if it is an object with a key; raises TypeError. Storage refuses a wrong key or revision."""
    if not isinstance(value, dict) or not isinstance(value.get("_key"), str):
        raise TypeError("a document with a key is needed")
    return value


class Spelling:
    """How records of one engine are written: with names, or as `logger-follow` does with numbers."""

    def __init__(self, engine: Engine, *, numbered: bool) -> None:
        self._engine = engine
        self._numbered = numbered

    def line(self, record: Record) -> bytes:
        """One record as a line with its newline."""
        entry: dict[str, Any] = {"tick": str(record.tick), "type": record.type}
        if self._numbered:
            entry["database"] = str(record.database)
        else:
            entry["db"] = self._engine.database_name(record.database) or ""
        if record.transaction or record.type in (Type.PUT, Type.REMOVE):
            entry["tid"] = str(record.transaction)
        if record.collection:
            entry |= self._collection(record.collection)
        if record.body:
            entry["data"] = msgspec.Raw(record.body)
        return _encode(entry) + b"\n"

    def _collection(self, number: int) -> dict[str, str]:
        identity = self._engine.identity(number)
        name = identity.name if identity else ""
        if self._numbered:
            return {"cid": str(number), "cname": name}
        return {"cuid": identity.guid if identity else "", "cname": name}
