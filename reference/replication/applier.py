"""Applier: the follower's side of one database, as its commands see it.

At most one of two things goes on at a time: an initial sync, or tailing. Both are tasks, so they outlive the
request that began them; a stop cancels them where no change is in progress, so that nothing is half applied
(LF-STOP). `stop` and a restart keep configuration and tick; `make_follower` replaces them.

When tailing finds that the leader has pruned its start tick (1414) or that there is none (1413), and
`autoResync` is set, it becomes an initial sync and goes on from there (LF-AUTO-RESYNC), at most
`autoResyncRetries` times without the leader's log being readable in between (LF-RESYNC-RETRIES).
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeGuard, TypeVar

from reference import VERSION
from reference.errors import ArangoError
from reference.replication.application import Application
from reference.replication.configuration import ApplierConfiguration
from reference.replication.initial_sync import InitialSync, SyncResult
from reference.replication.leader import Leader
from reference.replication.memory import Memory
from reference.replication.polling import retry_pause_s
from reference.replication.scope import Scope
from reference.replication.state import ApplierState, SavedState
from reference.replication.tailing import Tailing
from reference.storage.database import Database
from reference.storage.engine import Engine
from reference.world import World

T = TypeVar("T")
NO_START_TICK = 1413
START_TICK_NOT_PRESENT = 1414


class Applier:
    """The replication applier of one database."""

    def __init__(
        self, world: World, engine: Engine, database: Database, report: Callable[[str, str], None]
    ) -> None:
        self._world = world
        self._engine = engine
        self._database = database
        self._tell = report
        self._memory = Memory(engine, database)
        self.configuration = self._memory.configuration() or ApplierConfiguration()
        self.state = ApplierState()
        self._applying = asyncio.Lock()
        self._sync: asyncio.Task[Any] | None = None
        self._tail: asyncio.Task[None] | None = None
        self._application: Application | None = None

    async def load(self) -> None:
        """Show the saved tick before the applier is started for the first time."""
        self._show(await self._memory.saved())

    @property
    def is_running(self) -> bool:
        """Whether it syncs or tails."""
        return _is_alive(self._sync) or _is_alive(self._tail)

    def shown(self) -> dict[str, Any]:
        """The answer of `applier-state` (LF-STATE)."""
        shown: dict[str, Any] = {
            "state": self.state.shown(self._world.clock.wall_ns()),
            "server": {"version": VERSION, "serverId": self._engine.server_id},
        }
        if self.configuration.endpoint:
            shown |= {"endpoint": self.configuration.endpoint, "database": self.configuration.database}
        return shown

    async def configure(self, given: Mapping[str, Any]) -> None:
        """Merge `given` into the configuration; raises ArangoError 1411 (running) or 1410."""
        self._refuse_if_running()
        configuration = self.configuration.merged(given, database=self._database.name)
        async with self._applying:
            await self._memory.store_configuration(configuration)
            self.configuration = configuration

    async def start(self, from_tick: int | None = None) -> None:
        """Begin tailing after `from_tick`, or after the saved tick; no effect if it tails already.

        Returns at once. Raises ArangoError 1410 (not configured) or 28 (a sync is in progress).
        """
        if _is_alive(self._tail):
            return
        if _is_alive(self._sync):
            raise ArangoError(28, "cannot start replication applier: a synchronization is in progress")
        if not self.configuration.endpoint:
            raise ArangoError(1410, "invalid replication applier configuration: no endpoint configured")
        self._launch(from_tick)

    async def stop(self) -> None:
        """End sync and tailing; returns when nothing goes on any more."""
        await self._cancel(self._sync)
        await self._stop_tailing()

    async def forget(self) -> None:
        """Forget the saved tick; raises ArangoError 1411 if running."""
        self._refuse_if_running()
        await self._memory.forget()
        self.state = ApplierState()

    async def sync(self, given: Mapping[str, Any]) -> SyncResult:
        """Copy the leader's data once; the caller starts tailing from the result's tick.

        The saved tick is forgotten, because it does not describe the new data. Raises ArangoError 1411 if
        running, 1412 if stopped meanwhile, and whatever made the sync fail.
        """
        self._refuse_if_running()
        configuration = ApplierConfiguration().merged(given, database=self._database.name)
        return await self._as_sync(self._sync_once(configuration))

    async def make_follower(self, given: Mapping[str, Any]) -> None:
        """The all-in-one set-up: returns when the initial sync has ended and tailing has begun (LF-SETUP).

        A running applier is stopped and its configuration dropped first (LF-SETUP-AGAIN), but not before
        the leader has let us in (LF-AUTH). Raises like `sync`.
        """
        if _is_alive(self._sync):
            raise ArangoError(1411, "cannot set up replication: a synchronization is in progress")
        configuration = ApplierConfiguration().merged(
            {**given, "autoStart": True}, database=self._database.name
        )
        await self._as_sync(self._set_up(configuration))

    async def shut_down(self) -> None:
        """End for this life of the server; what was reached is saved."""
        await self.stop()
        self.state.phase = "shutdown"

    async def discard(self) -> None:
        """The database is gone: end, and leave no file behind."""
        self._application = None
        await self.stop()
        await self._memory.drop_configuration()

    async def _sync_once(self, configuration: ApplierConfiguration) -> SyncResult:
        sync = self._initial_sync(configuration)
        try:
            await sync.prepare()
            await self._forget_tick()
            return await sync.run()
        finally:
            await sync.end()

    async def _set_up(self, configuration: ApplierConfiguration) -> None:
        sync = self._initial_sync(configuration)
        try:
            await sync.prepare()
            await self._stop_tailing()
            self._begin("initial")
            await self._memory.drop_configuration()
            self.configuration = ApplierConfiguration()
            await self._forget_tick()
            result = await sync.run()
        finally:
            await sync.end()
        async with self._applying:
            await self._keep(result)
            await self._memory.store_configuration(configuration)
            self.configuration = configuration
            self._launch(None)

    async def _continuous(self, from_tick: int | None) -> None:
        """Tail for ever, with automatic resyncs in between; ends by an ArangoError."""
        resyncs = 0
        while True:
            tailing: Tailing | None = None
            try:
                tailing = self._tailing(await self._start_state(from_tick))
                await tailing.run()
            except ArangoError as error:
                if tailing is not None and tailing.has_progressed:
                    resyncs = 0
                resyncs = await self._resync_after(error, resyncs)
            from_tick = None

    async def _start_state(self, from_tick: int | None) -> SavedState:
        if from_tick is None:
            saved = await self._memory.saved()
            if saved is None:
                raise ArangoError(
                    NO_START_TICK,
                    "no start tick: there is no saved state to resume from, and no tick was given",
                )
            return saved
        return SavedState("", from_tick, from_tick)

    def _tailing(self, start: SavedState) -> Tailing:
        configuration = self.configuration
        self._application = Application(
            self._engine,
            self._database,
            self._memory,
            self.state,
            start=start,
            scope=Scope.of(configuration),
            ignore_errors=configuration.ignore_errors,
            skip_create_drop=configuration.skip_create_drop,
        )
        self._show(start)
        return Tailing(
            self._world.clock,
            self._leader(configuration),
            configuration,
            self._application,
            self.state,
            applying=self._applying,
            report=self._report,
        )

    async def _resync_after(self, error: ArangoError, resyncs: int) -> int:
        """Make a full sync if `error` calls for one, and count it; raises if it does not, or too often."""
        configuration = self.configuration
        if error.number not in (NO_START_TICK, START_TICK_NOT_PRESENT) or not configuration.auto_resync:
            raise error
        while resyncs < configuration.auto_resync_retries:
            resyncs += 1
            self._fail(error)
            self._report("warning", f"{error.message}; automatic resynchronization {resyncs} in a row")
            try:
                await self._resync()
            except ArangoError as failed:
                error = failed
                await self._world.clock.sleep(retry_pause_s(configuration))
            else:
                return resyncs
        if resyncs == 0:
            raise error
        raise ArangoError(
            error.number, f"{error.message}; gave up after {resyncs} automatic resynchronizations in a row"
        )

    async def _resync(self) -> None:
        self._application = None
        self.state.phase = "initial"
        self.state.resyncs += 1
        sync = self._initial_sync(self.configuration)
        try:
            await sync.prepare()
            await self._forget_tick()
            result = await sync.run()
        finally:
            await sync.end()
        async with self._applying:
            await self._keep(result)
        self.state.phase = "running"
        self.state.error = None

    async def _forget_tick(self) -> None:
        """Once a sync has begun the data are a mixture: no restart may resume from the old tick."""
        async with self._applying:
            await self._memory.forget()
        self._show(None)

    async def _keep(self, result: SyncResult) -> None:
        """Store durably where tailing begins: the configuration that counts on it will be durable, too."""
        tick = result.last_log_tick
        await self._memory.save(SavedState(result.leader_id, tick, tick))
        await self._engine.log.sync()

    def _initial_sync(self, configuration: ApplierConfiguration) -> InitialSync:
        return InitialSync(
            self._engine, self._database, configuration, applying=self._applying, progress=self._progress
        )

    def _leader(self, configuration: ApplierConfiguration) -> Leader:
        return Leader(self._world.network, configuration, self._engine.server_id, str(self._database.id))

    def _launch(self, from_tick: int | None) -> None:
        self._begin("running")
        self._tail = asyncio.create_task(self._continuous(from_tick))
        self._tail.add_done_callback(self._ended)

    async def _as_sync(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` as this applier's sync, to its end even if the caller goes away."""
        if not _is_alive(self._tail):
            self._begin("initial")
        task = self._sync = asyncio.create_task(work)
        task.add_done_callback(self._synced)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise ArangoError(1412, "replication stopped") from None
            raise

    async def _stop_tailing(self) -> None:
        await self._cancel(self._tail)
        application, self._application = self._application, None
        if application is not None:
            await application.save()

    async def _cancel(self, task: asyncio.Task[Any] | None) -> None:
        if not _is_alive(task):
            return
        async with self._applying:
            task.cancel()
        await asyncio.wait([task])

    def _begin(self, phase: Any) -> None:
        self.state.phase = phase
        self.state.started_ns = self._world.clock.wall_ns()
        self.state.error = None
        self.state.failed_connects = 0

    def _synced(self, task: asyncio.Task[Any]) -> None:
        if not _is_alive(self._tail):  # else it was refused, and the applier that runs is not concerned
            self.state.phase = "inactive"
            self._note_end(task, "initial synchronization")

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.state.phase = "inactive"
        self._note_end(task, "applier")

    def _note_end(self, task: asyncio.Task[Any], what: str) -> None:
        """Put the reason into the state, where administrators look for it (LF-APPLIER-STOPS)."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, ArangoError):
            self._fail(error)
            self._report("error", f"{what} stopped: {error.message}")
        elif error is not None:
            self._fail(ArangoError(4, f"internal error: {error!r}"))
            trace = "".join(traceback.format_exception(error))
            self._report("error", f"{what} stopped by an internal error: {trace}")

    def _fail(self, error: ArangoError) -> None:
        self.state.error = error
        self.state.error_ns = self._world.clock.wall_ns()

    def _progress(self, message: str) -> None:
        self.state.progress = message
        self.state.progress_ns = self._world.clock.wall_ns()
        self._report("info" if self.configuration.verbose else "debug", message)

    def _report(self, level: str, text: str) -> None:
        self._tell(level, f"replication of database '{self._database.name}': {text}")

    def _show(self, saved: SavedState | None) -> None:
        state = self.state
        state.applied_tick = state.processed_tick = None if saved is None else saved.applied_tick
        state.resume_tick = None if saved is None else saved.resume_tick

    def _refuse_if_running(self) -> None:
        if self.is_running:
            raise ArangoError(1411, "cannot do this while the replication applier is running")


def _is_alive(task: asyncio.Task[Any] | None) -> TypeGuard[asyncio.Task[Any]]:
    return task is not None and not task.done()
