"""The write-ahead log: the one place where a change becomes real. Ticks are consecutive integers, from 1.

`append` hands records to the operating system (they survive the process), `synced` waits until they
survive the machine. One fsync serves all who wait (group commit). A failed fsync means that nobody knows
any more what is on the disk (fsyncgate, 2018): the log then refuses every further write for good.
"""

from __future__ import annotations

import asyncio
import errno
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference.errors import ArangoError
from reference.storage.record import OVERHEAD, Draft, Record, Type, encode
from reference.storage.recovery import Apply, recover
from reference.storage.retention import Pin, Retention
from reference.storage.segment import Segment
from reference.storage.settings import StorageOptions
from reference.world import World

Waiter = tuple[int, "asyncio.Future[None]", Callable[[], None] | None]


@dataclass(frozen=True, slots=True)
class TickRange:
    """One segment: file name, first and last tick (last < first: empty), whether it is still written to."""

    file: str
    tick_min: int
    tick_max: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a reader of the log gets.

    `records` have ticks in (from, to]; `last_scanned` is the last tick looked at (>= from);
    `durable_tick` the newest durable tick; `from_present` is False iff records right after `from` have
    been removed already.
    """

    records: Sequence[Record]
    last_scanned: int
    durable_tick: int
    from_present: bool


class Log:
    """The log of one server."""

    def __init__(
        self, world: World, options: StorageOptions, segments: list[Segment], last_tick: int
    ) -> None:
        self._world = world
        self._options = options
        self._segments = segments
        self._last = last_tick
        self._durable = last_tick
        self._claimed = 0  # what frames on the disk say to be durable
        self._unsynced: list[Segment] = []
        self._waiters: list[Waiter] = []
        self._syncer: asyncio.Task[None] | None = None
        self._interval: asyncio.Task[None] | None = None
        self._failed: str | None = None
        self.appended_bytes = 0
        """Bytes appended since the start, for the decision when to write a checkpoint."""
        self.retention = Retention(world.clock, options)

    @classmethod
    async def open(
        cls, world: World, options: StorageOptions, start_tick: int, apply: Apply
    ) -> tuple[Log, tuple[str, ...]]:
        """Recover; `apply` gets every unit after `start_tick`. Raises CorruptStorage."""
        found = await recover(world, start_tick, apply)
        last = found.segments[-1].last_tick if found.segments else start_tick
        log = cls(world, options, found.segments, last)
        if not found.segments:
            log._begin_segment()
        log.appended_bytes = sum(s.file.size for s in found.segments if s.last_tick > start_tick)
        return log, found.report

    @property
    def first_tick(self) -> int:
        """Tick of the oldest record still in the log; last_tick + 1 if there is none."""
        return self._segments[0].first_tick

    @property
    def last_tick(self) -> int:
        """Tick of the newest record, durable or not; 0 if there never was one."""
        return self._last

    @property
    def durable_tick(self) -> int:
        """Everything up to here survives a power loss."""
        return self._durable

    def append(self, drafts: Sequence[Draft], transaction: int = 0) -> int:
        """Write records as one unit and return the tick of the last.

        Several records are a transaction: the caller frames them by BEGIN and COMMIT and gives its id. Raises
        ArangoError 1225 (disk full, nothing written) or 2 (the log failed, now or before).
        """
        self._refuse_if_failed()
        segment = self._segments[-1]
        if segment.file.size >= self._options.segment_bytes and segment.last_tick >= segment.first_tick:
            segment = self._rotate()
        synced = self._durable
        tick = self._last
        frames = []
        for draft in drafts:
            tick += 1
            frames.append(encode(draft, tick, transaction, synced))
        offset = segment.file.size
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        self._write(segment, data)
        segment.note(self._last + 1, offset)
        segment.last_tick = self._last = tick
        self._claimed = synced
        self.appended_bytes += len(data)
        if self._interval is None and self._options.sync_interval_s > 0:
            self._interval = asyncio.get_running_loop().create_task(self._sync_after_interval())
        return tick

    async def synced(self, tick: int, then: Callable[[], None] | None = None) -> None:
        """Return when everything up to `tick` is durable; `then` runs then, before anyone awakes.

        `then` runs even if the waiting task has been cancelled. Raises ArangoError 2 if the log has failed.
        """
        self._refuse_if_failed()
        if tick <= self._durable:
            if then is not None:
                then()
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiters.append((tick, waiter, then))
        if self._syncer is None:
            self._syncer = loop.create_task(self._serve_waiters())
        await waiter

    async def sync(self) -> int:
        """Make everything written so far durable; the durable tick."""
        await self.synced(self._last)
        return self._durable

    def read(self, from_tick: int, to_tick: int, limit_bytes: int) -> Chunk:
        """Durable records with from_tick < tick <= to_tick, in order, of about `limit_bytes` in all.

        At least one record if there is any. A transaction may be cut in two by the limit.
        """
        durable = self._durable
        to_tick = min(to_tick, durable)
        present = self.first_tick <= from_tick + 1
        records: list[Record] = []
        size = 0
        for segment in self._segments[self._position(from_tick + 1) :]:
            if segment.first_tick > to_tick:
                break
            for record in segment.records(from_tick):
                if record.tick > to_tick or (records and size >= limit_bytes):
                    return Chunk(records, records[-1].tick if records else from_tick, durable, present)
                records.append(record)
                size += OVERHEAD + len(record.key) + len(record.body)
                if record.tick == to_tick:
                    break
        return Chunk(records, max(from_tick, to_tick), durable, present)

    def ranges(self) -> list[TickRange]:
        """All segments, oldest first."""
        return [TickRange(s.name, s.first_tick, s.last_tick, s.closed_ns is None) for s in self._segments]

    def pin(self, client_id: str, tick: int, ttl_s: float) -> None:
        """Keep records after `tick` for `client_id` for `ttl_s` from now.

        Replaces this client's earlier pin.
        """
        self.retention.pin(client_id, tick, ttl_s)

    def unpin(self, client_id: str) -> None:
        """Forget a client's pin; no error if there is none."""
        self.retention.unpin(client_id)

    def pins(self) -> list[Pin]:
        """Pins that have not expired, oldest client first."""
        return self.retention.pins()

    def rotate(self) -> None:
        """Go on in a new segment, unless the present one is empty."""
        self._refuse_if_failed()
        if self._segments[-1].last_tick >= self._segments[-1].first_tick:
            self._rotate()

    async def prune(self, checkpoint_tick: int) -> None:
        """Remove the segments that nobody needs; all records after `checkpoint_tick` stay."""
        for _ in range(self.retention.removable(self._segments, min(checkpoint_tick, self._durable))):
            # The oldest first, and none after one that cannot be removed: a crash must not leave a gap.
            segment = self._segments[0]
            await self._world.disk.remove(segment.name)
            self._segments.pop(0)
            segment.file.close()

    async def close(self) -> None:
        """Sync, leave a note that it is synced, and take no more. Raises ArangoError 2 if the log has failed,
        now or before: then nobody knows whether the last writes are on the disk.
        """
        if self._interval is not None:
            self._interval.cancel()
        try:
            await self.sync()
            self._claim()
            await self._segments[-1].file.sync()
            self._failed = "the log is closed"
        except OSError as error:
            raise ArangoError(2, f"fsync of the log failed ({error})") from error
        finally:
            for segment in self._segments:
                segment.file.close()

    def _position(self, tick: int) -> int:
        return max(0, bisect_right(self._segments, tick, key=lambda segment: segment.first_tick) - 1)

    def _refuse_if_failed(self) -> None:
        if self._failed is not None:
            raise ArangoError(2, f"no write is accepted: {self._failed}")

    def _begin_segment(self) -> Segment:
        segment = Segment.create(self._world.disk, self._last + 1, self._durable)
        self._segments.append(segment)
        self._unsynced.append(segment)
        return segment

    def _rotate(self) -> Segment:
        closed = self._segments[-1]
        try:
            segment = self._begin_segment()
        except OSError as error:
            raise _full(error) from error
        closed.closed_ns = self._world.clock.monotonic_ns()
        return segment

    def _write(self, segment: Segment, data: bytes) -> None:
        """Append, or leave the file as it was."""
        size = segment.file.size
        try:
            segment.file.append(data)
        except OSError as error:
            self._undo(segment, size, error)
            raise _full(error) from error
        if not self._unsynced or self._unsynced[-1] is not segment:
            self._unsynced.append(segment)

    def _undo(self, segment: Segment, size: int, error: OSError) -> None:
        """Cut what a failed write may have left."""
        try:
            segment.file.truncate(size)
        except OSError as second:
            reason = f"writing {segment.name} failed ({error}), and so did undoing it ({second})"
            self._fail(reason)
            raise ArangoError(2, f"nobody knows whether this write is stored: {reason}") from second

    async def _sync_after_interval(self) -> None:
        while self._durable < self._last and self._failed is None:
            await self._world.clock.sleep(self._options.sync_interval_s)
            try:
                await self.sync()
            except ArangoError:
                break  # every writer is told by the log's refusal
            self._claim()
        self._interval = None

    def _claim(self) -> None:
        """Let the file itself say how far it is synced, so that later damage is not taken for a torn tail."""
        if self._claimed < self._durable and self._failed is None:
            try:
                self._write(self._segments[-1], encode(Draft(Type.SYNCED, 0), self._last, 0, self._durable))
            except ArangoError:
                return  # a full disk: the next record says it
            self._claimed = self._durable

    async def _serve_waiters(self) -> None:
        while self._waiters and self._failed is None:
            target = self._last
            files, self._unsynced = self._unsynced, []
            try:
                for segment in files:
                    await segment.file.sync()
            except OSError as error:
                self._fail(
                    f"fsync of the log failed ({error}); what is on the disk is unknown; restart the server"
                )
                break
            self._durable = max(self._durable, target)
            self._release()
            if len(files) > 1:
                self._claim()  # a whole segment became durable: from now on it may not be missing
        self._syncer = None

    def _release(self) -> None:
        """Wake those whose records are durable, after all their effects have taken place."""
        ready = [waiter for waiter in self._waiters if waiter[0] <= self._durable]
        self._waiters = [waiter for waiter in self._waiters if waiter[0] > self._durable]
        for _, _, then in ready:
            if then is not None:
                then()
        for _, future, _ in ready:
            if not future.done():
                future.set_result(None)

    def _fail(self, reason: str) -> None:
        self._failed = reason
        waiters, self._waiters = self._waiters, []
        for _, future, _ in waiters:
            if not future.done():
                future.set_exception(ArangoError(2, f"nobody knows whether this write is stored: {reason}"))


def _full(error: OSError) -> ArangoError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ArangoError(1225, f"the disk is full, nothing was written: {error}")
    return ArangoError(2, f"the log cannot be written, nothing was written: {error}")
