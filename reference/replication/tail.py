"""The leader's side of tailing: what happened after a tick, in the order of the log.

Only durable records are shown, and every request first makes durable what is written: otherwise a follower
could have a change that its leader loses in a power failure. A transaction lies in the log as one piece,
begin to commit, and never in part; but a chunk may end in its midst, so that it need not fit into memory
twice. A follower that gets half of it asks on from `last_included`, and after a restart from before its
begin.

Records of other databases and of collections that stay here are passed over. `last_scanned` says how far this
went, so the follower need not look there again; `check_more` says that the log went on at that moment. (An
arangod's `checkmore` compares the last entry sent instead; then a follower may ask once more in vain.)
"""

from __future__ import annotations

from dataclasses import dataclass

from reference.replication.entries import Spelling
from reference.replication.scope import Wanted
from reference.storage.engine import Engine
from reference.storage.record import Record, Type
from reference.world import Clock

DEFAULT_CHUNK_BYTES = 1 << 20
MAX_CHUNK_BYTES = 128 << 20
_READ_BYTES = 1 << 18
_SCAN_BYTES = 64 << 20
_OF_DATABASES = frozenset((Type.CREATE_DATABASE, Type.DROP_DATABASE))
_OF_TRANSACTIONS = frozenset((Type.BEGIN, Type.COMMIT))


@dataclass(frozen=True, slots=True)
class TailQuery:
    """What is asked: ticks in (from_tick, to_tick], of one database (its id) or of all (None)."""

    from_tick: int
    to_tick: int
    database: int | None
    wanted: Wanted
    chunk_bytes: int = DEFAULT_CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class Tail:
    """The answer: lines, and what the headers say. `last_included` is 0 if there is no line."""

    body: bytes
    last_included: int
    last_scanned: int
    last_tick: int
    from_present: bool

    @property
    def check_more(self) -> bool:
        """Whether there was more to look at."""
        return self.last_scanned < self.last_tick

    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {
            "x-arango-replication-checkmore": _boolean(self.check_more),
            "x-arango-replication-lastincluded": str(self.last_included),
            "x-arango-replication-lastscanned": str(self.last_scanned),
            "x-arango-replication-lasttick": str(self.last_tick),
            "x-arango-replication-frompresent": _boolean(self.from_present),
        }


async def tail(engine: Engine, clock: Clock, query: TailQuery, spelling: Spelling) -> Tail:
    """Read the log from `from_tick` on until the chunk is full, the log ends, or enough was looked at."""
    last_tick = await engine.log.sync()
    end = min(query.to_tick, last_tick)
    lines: list[bytes] = []
    size = scanned_bytes = last_included = 0
    position, from_present = query.from_tick, True
    while position < end and size < query.chunk_bytes and scanned_bytes < _SCAN_BYTES:
        chunk = engine.log.read(position, end, min(_READ_BYTES, query.chunk_bytes))
        from_present = from_present and chunk.from_present
        for record in chunk.records:
            position = record.tick
            scanned_bytes += len(record.body) + 64
            if not _shown(engine, record, query):
                continue
            lines.append(spelling.line(record))
            last_included, size = record.tick, size + len(lines[-1])
            if size >= query.chunk_bytes:
                break
        else:
            position = chunk.last_scanned
        await clock.sleep(0)
    if query.from_tick >= end:
        from_present = engine.log.read(query.from_tick, query.from_tick + 1, 1).from_present
    return Tail(b"".join(lines), last_included, max(position, query.from_tick), last_tick, from_present)


def _shown(engine: Engine, record: Record, query: TailQuery) -> bool:
    if query.database is not None and record.database != query.database:
        return False
    if record.type in _OF_DATABASES:
        return query.database is None
    if record.type in _OF_TRANSACTIONS:
        return True
    identity = engine.identity(record.collection)
    return identity is not None and identity.name in query.wanted


def _boolean(value: bool) -> str:
    return "true" if value else "false"
