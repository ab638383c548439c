"""GlobalApplication: the log of a whole server, made true in all databases here.

Each database has an `Application` of its own, and its own tick, stored in the very transactions that write
its data. The tick of the whole, from which tailing resumes, is stored now and then, so it is never ahead of
any database: after a restart some entries come again, and each database passes over those that it has.

Creating and dropping a database (1100, 1101) are entries like others: a database that is already further than
the entry is left alone. An entry of a database that is not here cannot be applied (1228): what is here does
not belong to this log.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from reference.errors import ArangoError
from reference.replication.application import Application
from reference.replication.entries import Entry
from reference.replication.memory import Memory
from reference.replication.scope import Scope
from reference.replication.state import ApplierState, SavedState
from reference.storage.database import SYSTEM_NAME, Database
from reference.storage.engine import Engine
from reference.storage.record import Type

_SERVER_KEY, _DATABASE_KEY = "server", "global"
_OF_DATABASES = frozenset((Type.CREATE_DATABASE, Type.DROP_DATABASE))


class GlobalMemory:
    """The lasting ticks of a server-wide applier: one of the whole, and one of each database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._server = Memory(engine, engine.database(SYSTEM_NAME), _SERVER_KEY)

    async def saved(self) -> SavedState | None:
        """The tick of the whole; None if the data here are no copy of a leader's."""
        return await self._server.saved()

    async def save(self, state: SavedState) -> None:
        """Keep the tick of the whole."""
        await self._server.save(state)

    async def save_all(self, state: SavedState) -> None:
        """A sync has ended: all is at this tick. The whole comes last, for without it nothing counts."""
        for database in self._engine.databases():
            await self.of(database).save(state)
        await self._server.save(state)

    async def forget(self) -> None:
        """From now on the data are no copy of anybody's at any tick; durable on return."""
        for database in self._engine.databases():  # `_system` is the first, and has the tick of the whole
            await self.of(database).forget()

    def of(self, database: Database) -> Memory:
        """The memory of one database."""
        return Memory(self._engine, database, _DATABASE_KEY)


class GlobalApplication:
    """Applies the entries of all databases, from `start` on."""

    def __init__(
        self,
        engine: Engine,
        memory: GlobalMemory,
        state: ApplierState,
        *,
        start: SavedState,
        scope: Scope,
    ) -> None:
        self._engine = engine
        self._memory = memory
        self._state = state
        self._scope = scope
        self._leader_id = start.leader_id
        self._applied_tick = start.applied_tick
        self._resume_tick = start.resume_tick
        self._stored = start
        self._parts: dict[str, Application] = {}

    @property
    def saved(self) -> SavedState:
        """Where a restart would resume."""
        resume = [part.saved.resume_tick for part in self._parts.values() if part.open_transactions]
        reached = max(self._applied_tick, self._resume_tick)
        return SavedState(self._leader_id, reached, min([*resume, reached]))

    @property
    def open_transactions(self) -> list[int]:
        """The leader's transactions that have come in part."""
        return [number for part in self._parts.values() for number in part.open_transactions]

    async def apply(self, entries: Iterable[Entry]) -> None:
        """Apply entries in order; raises ArangoError at the first that cannot be, all before it are done."""
        for (name, is_definition), group in groupby(entries, lambda e: (e.db, e.type in _OF_DATABASES)):
            found = list(group)
            if is_definition:
                for entry in found:
                    await self._define(entry)
            else:
                await (await self._part(name)).apply(found)
            self._applied_tick = max(self._applied_tick, found[-1].tick)

    async def follow(self, leader_id: str) -> None:
        """The leader has told who it is. It is the one of the start: tailing has checked that."""
        self._leader_id = leader_id

    def passed(self, tick: int) -> None:
        """Nothing up to `tick` is left to apply."""
        if not self.open_transactions:
            self._applied_tick = max(self._applied_tick, tick)

    async def save(self) -> None:
        """Store where a restart would resume, if that has changed."""
        saved = self.saved
        if saved != self._stored:
            self._stored = saved
            await self._memory.save(saved)

    async def _part(self, name: str) -> Application:
        """The application of one database, from its own tick or that of the whole, the later."""
        part = self._parts.get(name)
        if part is None:
            try:
                database = self._engine.database(name)
            except ArangoError as error:
                raise ArangoError(
                    1228, f"{error.message}: {name}, of which the leader's log speaks"
                ) from None
            memory = self._memory.of(database)
            tick = max(self._stored.resume_tick, await self._tick(memory))
            part = self._parts[name] = Application(
                self._engine,
                database,
                memory,
                self._state,
                start=SavedState(self._leader_id, tick, tick),
                scope=self._scope,
            )
        return part

    async def _tick(self, memory: Memory) -> int:
        """Up to where a database has this leader's log; 0 if nothing is known."""
        saved = await memory.saved()
        return saved.applied_tick if saved is not None and saved.leader_id == self._leader_id else 0

    async def _define(self, entry: Entry) -> None:
        self._state.events += 1
        name = entry.db or str(entry.data["name"])
        database = next((d for d in self._engine.databases() if d.name == name), None)
        if database is not None and (await self._part(name)).saved.applied_tick >= entry.tick:
            return
        if entry.type == Type.DROP_DATABASE and database is not None:
            self._parts.pop(name, None)
            await self._engine.drop_database(name)
        if entry.type == Type.CREATE_DATABASE:
            self._parts.pop(name, None)
            created = database or await self._engine.create_database(name)
            await self._memory.of(created).save(SavedState(self._leader_id, entry.tick, entry.tick))
        self._applied_tick = max(self._applied_tick, entry.tick)
        await self.save()
