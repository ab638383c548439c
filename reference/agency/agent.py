"""Agent: one member of the agency. It drives the consensus core between disk, network and clock.

One task takes all that has come in meanwhile (ticks, messages, writes, reads) through the core in one
step, makes what must be durable so with one sync (group commit), and only then sends and answers. So a
sync serves every write that waits, and a slow disk makes larger steps, not a longer queue of syncs.

A write is answered when its entry is committed and applied here. If this agent loses its leadership
before, nobody knows (`LostLeadership`). A read waits until a majority has confirmed, after it came in,
that this agent leads, and until all that was committed by then is applied (read index).

Not here: what a write means (store), the protocol (`raft`), HTTP (`api.agency`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reference.agency.callbacks import Callbacks
from reference.agency.log import Log, claim
from reference.agency.peers import Peers
from reference.agency.store import Store, encode_entry
from reference.agency.transaction import Write
from reference.options import Agency
from reference.raft import (
    Accepted,
    Committed,
    Compact,
    Effect,
    Entry,
    Event,
    Persist,
    Propose,
    Raft,
    Read,
    ReadReady,
    Received,
    Redirect,
    Restore,
    RoleChanged,
    Send,
    Snapshot,
    Tick,
    Timing,
)
from reference.raft.messages import AppendRequest, Message
from reference.world import World

_TICKS_IN_SHORTEST_ELECTION = 10
_HEARTBEAT_TICKS = 2

Tell = Callable[[str, str], object]


class NotLeading(Exception):  # noqa: N818 - a state of the agent, named as such
    """Nothing happened: `leader` (an endpoint, or None if nobody knows) is to be asked."""

    def __init__(self, leader: str | None) -> None:
        super().__init__(f"the leader is {leader or 'unknown'}")
        self.leader = leader


class LostLeadership(Exception):  # noqa: N818 - see NotLeading
    """The write may have happened, or may still happen."""


def member_name(endpoint: str) -> str:
    """The name of the agent at `endpoint`: the same on all agents without asking each other."""
    digest = hashlib.sha256(endpoint.encode()).hexdigest()
    return f"AGNT-{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


class Agent:
    """One agent. `open`, `start`, use, `stop`."""

    def __init__(
        self, world: World, options: Agency, core: tuple[Log, Raft], tell: Tell, headers: Headers
    ) -> None:
        self.options = options
        self.endpoints = pool(options)
        """Endpoint of every agent by its name."""
        self.name = member_name(options.my_address)
        self.store = Store()
        """What is committed and applied here. Changes while anything else runs: encode at once."""
        self.transient = Store()
        """The leader's own, neither replicated nor kept."""
        self.entries: list[Entry] = []
        """What was applied since the latest snapshot, for `/_api/agency/state`."""
        self._world = world
        self._log, self._raft = core
        self._tell = tell
        self._applied = Snapshot()
        self._snapshot_index = 0
        self._inbox: list[Event] = []
        self._wake = asyncio.Event()
        self._ids = 0
        self._proposed: dict[int, asyncio.Future[list[int]]] = {}
        self._accepted: dict[int, tuple[int, asyncio.Future[list[int]] | None]] = {}
        self._readers: list[asyncio.Future[None]] = []
        self._reading: dict[int, list[asyncio.Future[None]]] = {}
        self._led_from = (0, 0)
        others = {name: endpoint for name, endpoint in self.endpoints.items() if name != self.name}
        self._tick_s = options.election_timeout_min_s / _TICKS_IN_SHORTEST_ELECTION
        self._peers = Peers(world, others, headers, options.election_timeout_min_s)
        self._callbacks = Callbacks(world, headers, self._unobserve)
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, world: World, options: Agency, tell: Tell, headers: Headers = dict) -> Agent:
        """Recover what it had promised. Raises CorruptStorage and OSError."""
        members = tuple(pool(options))
        name = member_name(options.my_address)
        await claim(world.disk, name, members)
        log, durable, sentence = await Log.open(world.disk)
        if sentence:
            tell("info", sentence)
        raft = Raft(
            name,
            members,
            world.random,
            timing=_timing(options),
            durable=durable,
            retained=options.compaction_keep_size,
        )
        return cls(world, options, (log, raft), tell, headers)

    def start(self, failed: Callable[[], None]) -> None:
        """Take part. `failed` is called if it cannot go on, because the disk fails for one."""
        self._peers.start()
        self._tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._run())]

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._tell("fatal", f"this agent cannot keep its promises any more: {error!r}")
                failed()

        for task in self._tasks:
            task.add_done_callback(ended)

    async def stop(self) -> None:
        """Take part no more. What was not answered gets no answer that it happened."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._peers.stop()
        await self._callbacks.stop()
        self._lose()
        for future in self._proposed.values():
            _reject(future, LostLeadership("this agent stops"))
        self._log.close()

    @property
    def term(self) -> int:
        """The latest term that this agent knows of."""
        return self._raft.term

    @property
    def role(self) -> str:
        """follower, pre-candidate, candidate or leader."""
        return self._raft.role

    @property
    def leader(self) -> str | None:
        """The leader's name, as far as known here."""
        return self._raft.leader

    @property
    def leads(self) -> bool:
        """Whether this agent believes to lead. Another may have been elected without its knowledge."""
        return self._raft.role == "leader"

    def require_leading(self) -> None:
        """Raise NotLeading if this agent knows that it does not lead."""
        if not self.leads:
            raise self._not_leading(self._raft.leader)

    def receive(self, messages: Sequence[Message]) -> None:
        """Messages of other agents."""
        self._inbox += [Received(message) for message in messages]
        self._wake.set()

    async def readable(self) -> None:
        """Return when `store` holds all that was acknowledged before the call. Raises NotLeading."""
        self.require_leading()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._readers.append(future)
        self._wake.set()
        await future

    async def write(self, writes: Sequence[Any]) -> list[int]:
        """Apply writes (JSON, already checked by `parse_write`) in their order, each for itself.

        The index of each, or 0 if its precondition failed. Raises NotLeading and LostLeadership.
        """
        self.require_leading()
        self._ids += 1
        future: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._proposed[self._ids] = future
        self._inbox.append(Propose(self._ids, encode_entry(writes, self.time_ms())))
        self._wake.set()
        return await future

    def write_transient(self, write: Write) -> int:
        """Apply to the transient tree at once; its index or 0. Raises NotLeading."""
        self.require_leading()
        return self.transient.apply([write], self.time_ms())[0]

    def read_transient(self) -> Store:
        """The transient tree as of now. Raises NotLeading."""
        self.require_leading()
        self.transient.apply([], self.time_ms())
        return self.transient

    async def wait_for_leader(self) -> None:
        """Return when a leader is known, or after the shortest election timeout."""
        for _ in range(_TICKS_IN_SHORTEST_ELECTION):
            if self._raft.leader is not None:
                return
            await self._world.clock.sleep(self._tick_s)

    def time_ms(self) -> int:
        """The agency's time, as this leader counts it on."""
        since_ns, since_ms = self._led_from
        elapsed_ms = (self._world.clock.monotonic_ns() - since_ns) // 1_000_000
        return max(self.store.now_ms, since_ms + elapsed_ms)

    def _not_leading(self, leader: str | None) -> NotLeading:
        return NotLeading(None if leader is None or leader == self.name else self.endpoints[leader])

    async def _tick(self) -> None:
        while True:
            await self._world.clock.sleep(self._tick_s)
            self._inbox.append(Tick())
            if self.leads:
                self._let_keys_end()
            self._wake.set()

    def _let_keys_end(self) -> None:
        end_ms, now_ms = self.store.next_end_ms(), self.time_ms()
        if end_ms is not None and end_ms <= now_ms:
            self._ids += 1
            self._inbox.append(Propose(self._ids, encode_entry([], now_ms)))

    def _unobserve(self, path: str, url: str) -> None:
        self._ids += 1
        write = [{path: {"op": "unobserve", "url": url}}]
        self._inbox.append(Propose(self._ids, encode_entry([write], self.time_ms())))
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._carry_out(self._raft.step(*self._take_events()))

    def _take_events(self) -> list[Event]:
        events, self._inbox = self._inbox, []
        if self._readers:
            self._ids += 1
            self._reading[self._ids], self._readers = self._readers, []
            events.append(Read(self._ids))
        return events

    async def _carry_out(self, effects: Sequence[Effect]) -> None:
        """In their order, but with all that must be durable ahead of all that must wait for any of it.

        A leader's entries go out while its own disk works (Ongaro's thesis, 10.2.1): the others may have them
        before it has. No harm, for its term is durable already, it never leads in that term again after a
        restart, and no answer is looked at, so nothing is counted, before its disk is done.
        """
        records = [effect for effect in effects if isinstance(effect, Persist)]
        first = effects.index(records[0]) if records else len(effects)
        waiting = list(effects[first:])
        for effect in effects[:first]:
            self._carry_out_one(effect)
        if not any(record.hard_state for record in records):
            for effect in filter(_is_append, effects[first:]):
                self._carry_out_one(effect)
            waiting = [effect for effect in waiting if not _is_append(effect)]
        if records:
            await self._persist(records)
        for effect in waiting:
            self._carry_out_one(effect)
        self._after_applying()

    async def _persist(self, records: Sequence[Persist]) -> None:
        for record in records:
            self._log.append(record)
        await self._log.sync()
        if any(record.snapshot is not None for record in records):
            await self._log.compact()

    def _carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Send(to, message):
                self._peers.send(to, message)
            case Committed(entries):
                for entry in entries:
                    self._apply(entry)
            case ReadReady(numbers, _):
                self._let_read(numbers)
            case Accepted(number, index, term):
                self._accepted[index] = (term, self._proposed.pop(number, None))
            case Redirect(numbers, leader):
                self._redirect(numbers, leader)
            case RoleChanged():
                self._take_role(effect)
            case Restore(snapshot):
                self._restore(snapshot)

    def _let_read(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            for reader in self._reading.pop(number, ()):
                _resolve(reader, None)

    def _apply(self, entry: Entry) -> None:
        results = self.store.apply_entry(entry.data) if entry.data else []
        self._applied = Snapshot(entry.index, entry.term)
        self.entries.append(entry)
        term, future = self._accepted.pop(entry.index, (0, None))
        if term == entry.term:
            _resolve(future, results)
        else:
            _reject(future, self._not_leading(self._raft.leader))

    def _after_applying(self) -> None:
        """Tell the observers, and make a snapshot now and then."""
        changed, self.store.changed = self.store.changed, []
        self.transient.changed.clear()
        if changed and self.leads:
            self._callbacks.notify(self.store.observers, changed, self._raft.term, self.store.index)
        applied = self._applied
        if applied.index - self._snapshot_index >= self.options.compaction_step_size:
            self._snapshot_index = applied.index
            self.entries.clear()
            self._inbox.append(Compact(Snapshot(applied.index, applied.term, self.store.save())))
            self._wake.set()

    def _restore(self, snapshot: Snapshot) -> None:
        self.store.load(snapshot.data)
        self.entries.clear()
        self._applied = Snapshot(snapshot.index, snapshot.term)
        self._snapshot_index = snapshot.index

    def _redirect(self, numbers: Sequence[int], leader: str | None) -> None:
        for number in numbers:
            _reject(self._proposed.pop(number, None), self._not_leading(leader))
            for reader in self._reading.pop(number, ()):
                _reject(reader, self._not_leading(leader))

    def _take_role(self, change: RoleChanged) -> None:
        named = "nobody" if change.leader is None else self.endpoints[change.leader]
        self._tell("info", f"agency: {change.role} in term {change.term}, the leader is {named}")
        self.transient = Store()
        if change.role == "leader":
            self._led_from = (self._world.clock.monotonic_ns(), self.store.now_ms)
            self.store.changed.append(())
        else:
            self._callbacks.forget()
            self._lose()

    def _lose(self) -> None:
        """Answer what waits for the leadership that is gone. What the core never saw is told so by it."""
        for _, future in self._accepted.values():
            _reject(future, LostLeadership("another agent may lead"))
        self._accepted.clear()
        for readers in self._reading.values():
            for reader in readers:
                _reject(reader, self._not_leading(self._raft.leader))
        self._reading.clear()


Headers = Callable[[], Mapping[str, str]]


def pool(options: Agency) -> dict[str, str]:
    """Endpoint of every agent by its name, sorted."""
    endpoints = {*options.endpoint, options.my_address}
    return dict(sorted((member_name(endpoint), endpoint) for endpoint in endpoints))


def _timing(options: Agency) -> Timing:
    shortest = _TICKS_IN_SHORTEST_ELECTION
    longest = round(shortest * options.election_timeout_max_s / options.election_timeout_min_s)
    return Timing(_HEARTBEAT_TICKS, shortest, max(shortest, longest))


def _is_append(effect: Effect) -> bool:
    return isinstance(effect, Send) and isinstance(effect.message, AppendRequest)


def _resolve(future: asyncio.Future[Any] | None, value: Any) -> None:
    if future is not None and not future.done():
        future.set_result(value)


def _reject(future: asyncio.Future[Any] | None, error: Exception) -> None:
    if future is not None and not future.done():
        future.set_exception(error)
