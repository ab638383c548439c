"""Tailing: the endless loop of a follower.

1. Greet the leader: it must be the one that the start tick belongs to.
2. Ask for the log after the position.
3. If the leader has not got the position any more: stop (LF-REQUIRE-PRESENT), or go on as if nothing had
   happened in between (LF-IGNORE-GAP).
4. Apply what came.
5. If nothing came, pause (LF-POLLING); if no answer came, pause longer, and greet again: who answers next may
   be another server.

The loop ends only by an ArangoError, or by cancellation, which is safe while `applying` is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from reference.errors import ArangoError
from reference.replication.configuration import ApplierConfiguration
from reference.replication.entries import Entry, decode_entry
from reference.replication.handshake import greet
from reference.replication.leader import Leader, LeaderSilent, sense
from reference.replication.polling import idle_pause_s, retry_pause_s
from reference.replication.state import ApplierState, SavedState
from reference.replication.tail import DEFAULT_CHUNK_BYTES
from reference.world import Clock, Response

_SAVE_EVERY_S = 10.0
_HEADER = "x-arango-replication-"


class Application(Protocol):
    """Where entries go: into one database, or into all of a server."""

    @property
    def saved(self) -> SavedState:
        """Where a restart would resume."""
        ...

    @property
    def open_transactions(self) -> list[int]:
        """The leader's transactions that have come in part."""
        ...

    async def apply(self, entries: Iterable[Entry]) -> None:
        """Apply entries in order; raises ArangoError."""
        ...

    async def follow(self, leader_id: str) -> None:
        """The leader has told who it is."""
        ...

    def passed(self, tick: int) -> None:
        """Nothing up to `tick` is left to apply."""
        ...

    async def save(self) -> None:
        """Store where a restart would resume."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    entries: list[Entry]
    last_included: int
    last_scanned: int
    last_tick: int
    from_present: bool
    check_more: bool


class Tailing:
    """Follows one leader from one position on."""

    def __init__(
        self,
        clock: Clock,
        leader: Leader,
        configuration: ApplierConfiguration,
        application: Application,
        state: ApplierState,
        *,
        applying: asyncio.Lock,
        report: Callable[[str, str], None],
        everywhere: bool = False,
    ) -> None:
        """`everywhere`: the log of all databases is asked for, which is done within `_system`."""
        self._everywhere = everywhere
        self._clock = clock
        self._leader = leader
        self._configuration = configuration
        self._application = application
        self._state = state
        self._applying = applying
        self._report = report
        self._position = application.saved.resume_tick
        self._scanned = self._position
        self._idle_rounds = 0
        self._saved_ns = clock.monotonic_ns()
        self.has_progressed = False
        """Whether the leader had what we asked for, at least once."""

    async def run(self) -> None:
        """Follow until something forbids it."""
        greeted = False
        while True:
            try:
                if not greeted:
                    await self._greet()
                    greeted = True
                answer = await self._fetch()
            except LeaderSilent as error:
                greeted = False
                await self._after_silence(error)
                continue
            self._state.failed_connects = 0
            self._check_present(answer)
            async with self._applying:
                await self._apply(answer)
            await self._pause(answer)

    async def _greet(self) -> None:
        self._progress("fetching leader state information")
        leader_id = await greet(self._leader, expected_id=self._application.saved.leader_id or None)
        async with self._applying:
            await self._application.follow(leader_id)

    async def _fetch(self) -> _Answer:
        query = {
            "from": str(self._position),
            "lastScanned": str(self._scanned),
            "chunkSize": str(self._configuration.chunk_size or DEFAULT_CHUNK_BYTES),
            "includeSystem": "true" if self._configuration.include_system else "false",
            "includeFoxxQueues": "true" if self._configuration.include_foxx_queues else "false",
        }
        if self._everywhere:
            query["global"] = "true"
        self._progress(f"fetching leader log from tick {self._position}")
        began_ns = self._clock.monotonic_ns()
        self._state.requests += 1
        transactions = [str(number) for number in self._application.open_transactions]
        response = await self._leader.put("/_api/wal/tail", query, transactions)
        self._state.fetches += 1
        self._state.fetch_ns += self._clock.monotonic_ns() - began_ns
        return _read(response, self._leader.endpoint)

    def _check_present(self, answer: _Answer) -> None:
        """LF-REQUIRE-PRESENT, LF-IGNORE-GAP."""
        is_ahead = answer.last_tick < self._position
        if answer.from_present and not is_ahead:
            self.has_progressed = True
            return
        reason = f"start tick {self._position} is not present on the leader"
        if is_ahead:
            reason += f", whose log ends at {answer.last_tick}"
        if self._configuration.require_from_present:
            raise ArangoError(1414, f"start tick not present: {reason}")
        self._report("warning", f"{reason}: what happened in between is lost (requireFromPresent is false)")
        if is_ahead:
            self._position = self._scanned = answer.last_tick

    async def _apply(self, answer: _Answer) -> None:
        began_ns = self._clock.monotonic_ns()
        self._state.available_tick = answer.last_tick
        if answer.entries:
            self._progress(f"applying log up to tick {answer.last_included}")
            try:
                await self._application.apply(answer.entries)
            finally:
                self._show_ticks()
            self._state.applies += 1
            self._state.apply_ns += self._clock.monotonic_ns() - began_ns
        self._scanned = max(self._scanned, answer.last_scanned)
        # A transaction that has come in part goes on right after the last entry that came.
        self._position = max(self._position, answer.last_included, answer.last_scanned)
        self._application.passed(self._position)
        self._show_ticks()

    async def _pause(self, answer: _Answer) -> None:
        if answer.entries or answer.check_more:
            self._idle_rounds = 0
            return
        self._idle_rounds += 1
        if self._clock.monotonic_ns() - self._saved_ns > _SAVE_EVERY_S * 1e9:
            self._saved_ns = self._clock.monotonic_ns()
            async with self._applying:
                await self._application.save()
        await self._clock.sleep(idle_pause_s(self._configuration, self._idle_rounds))

    async def _after_silence(self, error: LeaderSilent) -> None:
        self._state.failed_connects += 1
        self._state.total_failed_connects += 1
        if self._state.failed_connects > self._configuration.max_connect_retries:
            raise ArangoError(
                1400, f"{error.message}; gave up after {self._state.failed_connects} attempts in a row"
            ) from error
        if self._state.failed_connects == 1:
            self._report("warning", f"{error.message}; asking again until it answers")
        self._progress(error.message)
        await self._clock.sleep(retry_pause_s(self._configuration))

    def _show_ticks(self) -> None:
        saved = self._application.saved
        self._state.applied_tick = saved.applied_tick
        self._state.resume_tick = saved.resume_tick
        self._state.processed_tick = max(self._position, saved.applied_tick)

    def _progress(self, message: str) -> None:
        self._state.progress = message
        self._state.progress_ns = self._clock.wall_ns()


def _read(response: Response, endpoint: str) -> _Answer:
    """The answer of `wal/tail`; raises ArangoError 1401 if it is none."""
    headers = response.headers
    with sense(endpoint, "the log"):
        included = int(headers[_HEADER + "lastincluded"])
        more = headers[_HEADER + "checkmore"] == "true"
        last_tick = int(headers[_HEADER + "lasttick"])
        scanned = int(headers.get(_HEADER + "lastscanned", included))
        entries = [decode_entry(line) for line in response.body.splitlines()]
    present = headers.get(_HEADER + "frompresent") != "false"
    return _Answer(entries, included, scanned, last_tick, present, more)
