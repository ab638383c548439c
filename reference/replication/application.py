"""Application: entries of the leader's log, made true here, in the leader's order.

One writer, so a reader here never sees a later write without the earlier ones (LF-ORDER). Writes that stand
alone are applied in groups; a transaction is collected from its begin to its commit, across requests if need
be, and then applied as one, so nobody ever sees a part of it (LF-STOP, LF-TRX-LOCK).

Each group is one transaction of ours, and the tick that it reaches is written in it: data and tick become
durable together or not at all. Definitions (create, drop, rename) are not transactional; their tick follows
them, and doing one of them twice is the same as doing it once. So a restart at any moment loses and repeats
nothing.

A collection that only bears the name of one that the leader creates is replaced by it, as arangod does.

What cannot be applied stops the applier (LF-APPLIER-STOPS), unless `ignoreErrors` still has some left:

* 1203: the collection is not here (dropped, or never copied), though the configuration asks for it;
* 1200: somebody here holds a document that the leader has changed, for longer than `_PATIENCE_S`;
* 1408: a part of a transaction whose begin was never seen;
* 1406: an entry of a kind that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reference.errors import ArangoError
from reference.replication import definitions
from reference.replication.entries import ABORT, Entry
from reference.replication.memory import Memory
from reference.replication.scope import Scope
from reference.replication.state import ApplierState, SavedState
from reference.storage import documents
from reference.storage.collection import Collection
from reference.storage.database import Database
from reference.storage.engine import Engine
from reference.storage.record import Type
from reference.storage.revision import decode_revision
from reference.storage.transaction import Transaction
from reference.world import Clock

_GROUP = 500  # entries
_PATIENCE_S = 3.0
_UNLIMITED_BYTES = 1 << 40
_WRITES = frozenset((Type.PUT, Type.REMOVE))
_VIEWS = frozenset((2110, 2111, 2112))


@dataclass(slots=True)
class _Open:
    """A transaction of the leader that has come in part."""

    begin_tick: int
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class _Counted:
    """What one group did, counted only once it is done."""

    documents: int = 0
    removals: int = 0
    excluded: int = 0
    errors: int = 0
    revision: int = 0


class Application:
    """Applies entries to one database, from `start` on."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        memory: Memory,
        state: ApplierState,
        *,
        start: SavedState,
        scope: Scope,
        ignore_errors: int = 0,
        skip_create_drop: bool = False,
    ) -> None:
        self._engine = engine
        self._clock: Clock = engine.world.clock
        self._database = database
        self._memory = memory
        self._state = state
        self._scope = scope
        self._leader_id = start.leader_id
        self._stored = start
        self._applied_tick = start.applied_tick
        self._errors_left = ignore_errors
        self._skip_create_drop = skip_create_drop
        self._open: dict[int, _Open] = {}
        self._group: list[Entry] = []

    @property
    def saved(self) -> SavedState:
        """Where a restart would resume."""
        oldest = min((part.begin_tick for part in self._open.values()), default=None)
        resume_tick = self._applied_tick if oldest is None else min(oldest - 1, self._applied_tick)
        return SavedState(self._leader_id, self._applied_tick, resume_tick)

    @property
    def open_transactions(self) -> list[int]:
        """The leader's transactions that have come in part."""
        return list(self._open)

    async def apply(self, entries: Iterable[Entry]) -> None:
        """Apply entries in order; raises ArangoError at the first that cannot be, all before it are done."""
        try:
            for entry in entries:
                self._state.events += 1
                await self._take(entry)
        finally:
            await self._flush()

    async def follow(self, leader_id: str) -> None:
        """The leader has told who it is; a tick that a user gave belongs to it from now on."""
        if not self._leader_id:
            self._leader_id = leader_id
            await self._store()

    def passed(self, tick: int) -> None:
        """Nothing up to `tick` is left to apply; lost in a restart until something is applied, or `save`."""
        if not self._open:
            self._applied_tick = max(self._applied_tick, tick)

    async def save(self) -> None:
        """Store where a restart would resume, if that has changed."""
        if self.saved != self._stored:
            await self._store()

    async def _store(self) -> None:
        self._stored = self.saved
        await self._memory.save(self._stored)

    async def _take(self, entry: Entry) -> None:
        if entry.type == Type.BEGIN:
            self._open[entry.tid] = _Open(entry.tick)
        elif entry.type == Type.COMMIT:
            await self._commit(entry)
        elif entry.type == ABORT:
            self._open.pop(entry.tid, None)
        elif entry.tid and entry.type in _WRITES:
            self._part(entry).entries.append(entry)
        elif entry.tick > self._applied_tick:
            await self._alone(entry)

    def _part(self, entry: Entry) -> _Open:
        """The open transaction that an entry belongs to."""
        part = self._open.get(entry.tid)
        if part is None:
            raise ArangoError(
                1408,
                f"invalid transaction: tick {entry.tick} belongs to {entry.tid}, whose begin was not seen",
            )
        return part

    async def _alone(self, entry: Entry) -> None:
        if entry.type in _WRITES:
            self._group.append(entry)
            if len(self._group) >= _GROUP:
                await self._flush()
            return
        await self._flush()
        try:
            await self._define(entry)
        except ArangoError as error:
            self._ignore_or_raise(_located(error, entry))
        self._applied_tick = entry.tick
        await self._store()

    async def _flush(self) -> None:
        group, self._group = self._group, []
        try:
            if group:
                await self._write(group, group[-1].tick)
        except ArangoError:
            if len(group) == 1:
                raise
            for entry in group:  # one by one, so that all before the one that cannot be applied are done
                await self._write([entry], entry.tick)

    async def _commit(self, entry: Entry) -> None:
        await self._flush()
        part = self._part(entry)
        if entry.tick > self._applied_tick:
            await self._write(part.entries, entry.tick, closing=entry.tid)
        self._open.pop(entry.tid, None)

    async def _write(self, entries: list[Entry], tick: int, *, closing: int = 0) -> None:
        """Apply entries and remember `tick`, in one transaction; waits a while for locks of local writers."""
        deadline_ns = self._clock.monotonic_ns() + int(_PATIENCE_S * 1e9)
        while True:
            try:
                counted = await self._write_once(entries, tick, closing)
                break
            except ArangoError as error:
                if error.number not in (1200, 18) or self._clock.monotonic_ns() >= deadline_ns:
                    raise
            await self._clock.sleep(0.05)
        self._applied_tick = tick
        self._stored = self._after(tick, closing)
        self._state.documents += counted.documents
        self._state.removals += counted.removals
        self._state.excluded += counted.excluded
        self._errors_left -= counted.errors
        await self._engine.clock.observe(counted.revision)

    async def _write_once(self, entries: list[Entry], tick: int, closing: int) -> _Counted:
        counted = _Counted()
        concerned = self._concerned(entries, counted)
        own = await self._memory.collection()
        write = list({collection.id: collection for _, collection in concerned}.values())
        transaction = await self._engine.transactions.begin(
            self._database, write=[*write, own], lock_timeout_s=_PATIENCE_S, max_bytes=_UNLIMITED_BYTES
        )
        try:
            for entry, collection in concerned:
                self._change(transaction, collection, entry, counted)
            self._memory.write(transaction, own, self._after(tick, closing))
            await transaction.commit()
        finally:
            transaction.abort()  # no effect once committed
        return counted

    def _after(self, tick: int, closing: int) -> SavedState:
        """What will be true when the group that ends at `tick` is in."""
        oldest = min(
            (part.begin_tick for tid, part in self._open.items() if tid != closing), default=tick + 1
        )
        return SavedState(self._leader_id, tick, min(oldest - 1, tick))

    def _concerned(self, entries: list[Entry], counted: _Counted) -> list[tuple[Entry, Collection]]:
        found: list[tuple[Entry, Collection]] = []
        for entry in entries:
            try:
                collection = self._target(entry)
            except ArangoError as error:
                self._count_or_raise(_located(error, entry), counted)
                continue
            if collection is None:
                counted.excluded += 1
            else:
                found.append((entry, collection))
        return found

    def _target(self, entry: Entry) -> Collection | None:
        """The collection that an entry concerns; None if the configuration leaves it out."""
        collection = definitions.counterpart(self._database, entry.cuid, entry.cname)
        name = collection.name if collection is not None else entry.cname
        if name not in self._scope:
            return None
        if collection is None:
            raise ArangoError(1203, f"collection or view not found: {entry.cname or entry.cuid}")
        return collection

    def _change(
        self, transaction: Transaction, collection: Collection, entry: Entry, counted: _Counted
    ) -> None:
        try:
            if entry.type == Type.PUT:
                written = documents.apply_put(transaction, collection, entry.data)
                counted.revision = max(counted.revision, written.revision)
                counted.documents += 1
            else:
                revision = decode_revision(entry.data.get("_rev", "")) or 0
                documents.apply_remove(transaction, collection, entry.data["_key"], revision)
                counted.revision = max(counted.revision, revision)
                counted.removals += 1
        except ArangoError as error:
            if error.number == 1200:
                raise _located(error, entry) from error
            self._count_or_raise(_located(error, entry), counted)

    async def _define(self, entry: Entry) -> None:
        if entry.type in _VIEWS:
            done = False
        elif entry.type == Type.CREATE_COLLECTION:
            done = await self._create(entry)
        elif entry.type == Type.DROP_COLLECTION:
            done = await self._drop(entry)
        elif entry.type == Type.RENAME_COLLECTION:
            done = await self._rename(entry)
        else:
            done = await self._alter(entry)
        if not done:
            self._state.excluded += 1

    async def _create(self, entry: Entry) -> bool:
        name = entry.data["name"]
        if name not in self._scope or self._skip_create_drop:
            return False
        if definitions.counterpart(self._database, entry.data["globallyUniqueId"], name) is not None:
            return True
        in_the_way = self._database.find(name)
        if in_the_way is not None:
            await self._engine.drop_collection(in_the_way)
        await definitions.create(self._engine, self._database, entry.data)
        return True

    async def _drop(self, entry: Entry) -> bool:
        collection = self._database.by_guid(entry.cuid)
        if collection is None or collection.name not in self._scope or self._skip_create_drop:
            return False
        await self._engine.drop_collection(collection)
        return True

    async def _rename(self, entry: Entry) -> bool:
        name = entry.data["name"]
        collection = self._database.by_guid(entry.cuid)
        if collection is None:
            if name in self._scope:
                raise ArangoError(
                    1203, f"collection or view not found: {entry.cuid}, which is now called {name}"
                )
            return False
        if collection.name != name:
            await self._engine.rename_collection(collection, name)
        return True

    async def _alter(self, entry: Entry) -> bool:
        collection = self._target(entry)
        if collection is None:
            return False
        if entry.type == Type.TRUNCATE:
            await self._engine.truncate(collection)
        elif entry.type == Type.CHANGE_COLLECTION:
            await definitions.change(self._engine, collection, entry.data)
        elif entry.type in (Type.CREATE_INDEX, Type.DROP_INDEX):
            await self._index(collection, entry)
        else:
            raise ArangoError(1406, f"unexpected marker type {entry.type}")
        return True

    async def _index(self, collection: Collection, entry: Entry) -> None:
        present = {index["id"] for index in collection.indexes}
        if entry.type == Type.CREATE_INDEX and entry.data["id"] not in present:
            await self._engine.create_index(collection, entry.data)
        elif entry.type == Type.DROP_INDEX and entry.data["id"] in present:
            await self._engine.drop_index(collection, entry.data["id"])

    def _count_or_raise(self, error: ArangoError, counted: _Counted) -> None:
        counted.errors += 1
        if counted.errors > self._errors_left:
            raise error

    def _ignore_or_raise(self, error: ArangoError) -> None:
        if self._errors_left <= 0:
            raise error
        self._errors_left -= 1


def _located(error: ArangoError, entry: Entry) -> ArangoError:
    where = f"{error.message} (while applying tick {entry.tick} of the leader)"
    return ArangoError(error.number, where, status=error.status)
