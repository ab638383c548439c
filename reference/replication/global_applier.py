"""GlobalApplier: follows another server as a whole, all databases, for as long as it is told to.

It has no configuration of its own and no commands: who decides about leadership says whom to follow
(AF-AUTO-REPLICATION). A sync, always incremental, if there is no tick of this leader; then its log. Whatever
ends the tailing but silence of the leader (another server answers there, its log lacks our tick, an entry
cannot be applied) is answered by another sync: a follower of a whole server has nothing of its own to keep.

`reached` is None from the first change of a sync to its end, and as long as nothing is known: the data
are then a mixture that nobody may be served from as from a copy.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from reference import VERSION
from reference.errors import ArangoError
from reference.replication.configuration import ApplierConfiguration
from reference.replication.global_application import GlobalApplication, GlobalMemory
from reference.replication.global_sync import GLOBAL_SYNCER, GlobalSync
from reference.replication.leader import Leader
from reference.replication.polling import retry_pause_s
from reference.replication.scope import Scope
from reference.replication.state import ApplierState, SavedState
from reference.replication.tailing import Tailing
from reference.storage.engine import Engine

BeforeSync = Callable[[], Awaitable[None]]
"""Awaited when the leader has let us in and nothing has been changed yet."""


async def _nothing() -> None:
    """Nothing to do."""


class GlobalApplier:
    """The server-wide applier of one server."""

    def __init__(
        self,
        engine: Engine,
        report: Callable[[str, str], object],
        *,
        before_sync: BeforeSync = _nothing,
        while_syncing: BeforeSync = _nothing,
    ) -> None:
        """`while_syncing` is awaited after each database that a sync has brought in."""
        self._engine = engine
        self._clock = engine.world.clock
        self._tell = report
        self._before_sync = before_sync
        self._while_syncing = while_syncing
        self._memory = GlobalMemory(engine)
        self._applying = asyncio.Lock()
        self._application: GlobalApplication | None = None
        self._task: asyncio.Task[None] | None = None
        self.configuration = ApplierConfiguration()
        self.state = ApplierState()
        self.leader_id = ""

    @property
    def is_running(self) -> bool:
        """Whether it follows anybody."""
        return self._task is not None and not self._task.done()

    @property
    def reached(self) -> SavedState | None:
        """Of whose log the data here are a whole copy, and up to which tick; None if they are a mixture."""
        return None if self._application is None else self._application.saved

    async def follow(self, configuration: ApplierConfiguration) -> None:
        """Follow the leader of `configuration`; no effect if that goes on already."""
        if self.is_running and configuration == self.configuration:
            return
        await self.stop()
        self.configuration = configuration
        self.state = ApplierState(phase="initial", started_ns=self._clock.wall_ns())
        self._task = asyncio.create_task(self._run(configuration))
        self._task.add_done_callback(self._ended)

    async def stop(self) -> SavedState | None:
        """End; nothing is half applied. What the data are a whole copy of, or None."""
        if self.is_running:
            assert self._task is not None
            async with self._applying:
                self._task.cancel()
            await asyncio.wait([self._task])
        application, self._application = self._application, None
        if application is None:
            return None
        await application.save()
        return application.saved

    async def saved(self) -> SavedState | None:
        """What the data were a whole copy of when that was last stored."""
        return await self._memory.saved()

    async def forget(self) -> None:
        """The data are this server's own from now on; durable on return."""
        await self._memory.forget()

    def shown(self) -> dict[str, Any]:
        """The answer of `applier-state?global=true`."""
        shown: dict[str, Any] = {
            "state": self.state.shown(self._clock.wall_ns()),
            "server": {"version": VERSION, "serverId": self._engine.server_id},
        }
        if self.is_running:
            shown |= {"endpoint": self.configuration.endpoint, "database": self.configuration.database}
        return shown

    async def _run(self, configuration: ApplierConfiguration) -> None:
        while True:
            try:
                saved = await self._memory.saved()
                if saved is None:
                    saved = await self._sync(configuration)
                await self._tail(configuration, saved)
            except ArangoError as error:
                self._fail(error)
                if error.number != 1400:  # the leader spoke, but not of what we have
                    await self._forget()
                await self._clock.sleep(retry_pause_s(configuration))

    async def _sync(self, configuration: ApplierConfiguration) -> SavedState:
        self.state.phase = "initial"
        self.state.resyncs += 1
        sync = GlobalSync(self._engine, configuration, applying=self._applying, progress=self._progress)
        try:
            self.leader_id = await sync.prepare()
            async with self._applying:
                await self._before_sync()
            await self._forget()
            result = await sync.run(self._while_syncing)
        finally:
            await sync.end()
        saved = SavedState(result.leader_id, result.last_log_tick, result.last_log_tick)
        async with self._applying:
            await self._memory.save_all(saved)
        self._report("info", result.sentence())
        return saved

    async def _tail(self, configuration: ApplierConfiguration, saved: SavedState) -> None:
        self.state.phase = "running"
        self.state.applied_tick = self.state.processed_tick = saved.applied_tick
        self.leader_id = saved.leader_id
        application = self._application = GlobalApplication(
            self._engine, self._memory, self.state, start=saved, scope=Scope.of(configuration)
        )
        leader = Leader(self._engine.world.network, configuration, self._engine.server_id, GLOBAL_SYNCER)
        tailing = Tailing(
            self._clock,
            leader,
            configuration,
            application,
            self.state,
            applying=self._applying,
            report=self._report,
            everywhere=True,
        )
        self.state.error = None
        await tailing.run()

    async def _forget(self) -> None:
        async with self._applying:
            self._application = None
            await self._memory.forget()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.state.phase = "inactive"
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(ArangoError(4, f"internal error: {error!r}"))
            self._report("error", "".join(traceback.format_exception(error)))

    def _fail(self, error: ArangoError) -> None:
        self.state.error = error
        self.state.error_ns = self._clock.wall_ns()
        self._report("warning", error.message)

    def _progress(self, message: str) -> None:
        self.state.progress = message
        self.state.progress_ns = self._clock.wall_ns()
        self._report("debug", message)

    def _report(self, level: str, text: str) -> None:
        self._tell(level, f"replication of the whole server: {text}")
