"""Cluster: members, a network that loses, repeats and reorders, and disks that keep only what was persisted.

Effects wait in a queue until somebody carries them out, so that a crash can come between any two of them.
Everything is judged by an Oracle as it happens.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from random import Random

from reference.raft import (
    Accepted,
    Committed,
    Compact,
    DamagedLogError,
    Durable,
    Effect,
    Event,
    Message,
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
    durable,
    messages,
    recover,
)
from reference.raft.messages import AppendRequest
from tests.reference.raft.oracle import Oracle, Violation, check_logs_match, digest_after

FAST = Timing(heartbeat_ticks=1, election_ticks_min=3, election_ticks_max=6)


class Patient(Random):
    """Draws the longest of all election timeouts, so that a scene decides who loses patience."""

    def randint(self, _shortest: int, longest: int) -> int:
        """The longest."""
        return longest


class Host:
    """One member's machine, its disk, and the effects that wait."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.raft: Raft | None = None
        self.records: list[Persist] = []
        self.queue: deque[Effect] = deque()
        self.waiting_steps = 0
        """Of how many steps there are effects in the queue."""
        self.is_syncing = False
        """Entries have gone out before they were persisted: nothing may happen before they are."""
        self.applied_index = 0
        self.digest = 0
        self.accepted: dict[int, list[tuple[int, int]]] = {}
        """Proposals that wait, by index: id and term."""


class Cluster:
    """`members` letters from "a" on. All run at the beginning."""

    def __init__(self, members: int, random: Random, *, timing: Timing = FAST, retained: int = 0) -> None:
        self.names = tuple("abcdefg"[:members])
        self.random, self.timing, self.retained = random, timing, retained
        self.hosts = {name: Host(name) for name in self.names}
        self.wire: list[tuple[str, Message]] = []
        self.blocked: set[tuple[str, str]] = set()
        self.oracle = Oracle()
        self.acknowledged: dict[int, int] = {}
        """Proposals that are done: index by id."""
        self.answered: set[int] = set()
        """Reads that are done."""
        self._ids = itertools.count(1)
        self._floors: dict[int, int] = {}
        for name in self.names:
            self.start(name)

    # What may happen

    def start(self, name: str) -> None:
        """Begin a life with what the disk has kept."""
        host = self.hosts[name]
        assert host.raft is None
        kept = self._recover(name)
        host.records = [kept.whole()]
        patience = Patient() if isinstance(self.random, Patient) else Random(self.random.getrandbits(32))
        host.raft = Raft(name, self.names, patience, timing=self.timing, durable=kept, retained=self.retained)
        host.applied_index = host.digest = 0
        self.step(name)

    def _recover(self, name: str) -> Durable:
        """What a disk adds up to, through its bytes."""
        try:
            return recover(durable.decode(durable.encode(record)) for record in self.hosts[name].records)
        except DamagedLogError as error:
            raise Violation("availability", f"{name} cannot start: {error}") from error

    def crash(self, name: str) -> None:
        """Lose what was not persisted, and all that waited."""
        host = self.hosts[name]
        host.raft = None
        host.queue.clear()
        host.is_syncing = False
        host.accepted.clear()

    def running(self) -> list[str]:
        """Who is up."""
        return [name for name in self.names if self.hosts[name].raft is not None]

    def raft(self, name: str) -> Raft:
        """A running member's machine."""
        raft = self.hosts[name].raft
        assert raft is not None, f"{name} is down"
        return raft

    def leaders(self) -> list[str]:
        """Who believes to lead."""
        return [name for name in self.running() if self.raft(name).role == "leader"]

    def step(self, name: str, *events: Event) -> None:
        """Let a member take events. What follows waits in its queue."""
        raft, host = self.raft(name), self.hosts[name]
        if host.is_syncing:
            self.sync_early(name)
        before = (raft.role, raft.term, raft.log.last_index, raft.log.last_term, raft.commit_index)
        effects = raft.step(*events)
        host.waiting_steps = host.waiting_steps + 1 if host.queue else 1
        host.queue.extend(effects)
        role, term, last_index, last_term, commit_index = before
        if raft.commit_index < commit_index:
            raise Violation("monotonic commit", f"{name} goes from {commit_index} to {raft.commit_index}")
        if raft.term < term:
            raise Violation("monotonic term", f"{name} goes from term {term} to {raft.term}")
        if raft.role == "leader" and (role, term) != ("leader", raft.term):
            self.oracle.leads(raft)
        elif role == raft.role == "leader":
            log = raft.log
            if log.base_index <= last_index and log.term(last_index) != last_term:
                raise Violation("leader append-only", f"{name} no longer has its entry {last_index}")

    def tick(self, name: str) -> None:
        """Let time pass for one."""
        self.step(name, Tick())

    def propose(self, name: str, data: bytes) -> int:
        """A write; its id."""
        id = self._new_id()  # noqa: A001 - as in the event
        self.step(name, Propose(id, data))
        return id

    def read(self, name: str) -> int:
        """A read; its id."""
        id = self._new_id()  # noqa: A001 - as in the event
        self.step(name, Read(id))
        return id

    def _new_id(self) -> int:
        id = next(self._ids)  # noqa: A001 - as in the event
        self._floors[id] = self.oracle.known
        return id

    def compact(self, name: str) -> None:
        """Make a snapshot of what has been applied."""
        host, raft = self.hosts[name], self.raft(name)
        term = raft.log.term(host.applied_index)
        if host.applied_index > raft.log.snapshot.index and term is not None:
            self.step(name, Compact(Snapshot(host.applied_index, term, str(host.digest).encode())))

    def deliver(self, position: int = 0, *, keep: bool = False) -> None:
        """A message arrives: the oldest, or another; it may arrive once more."""
        to, message = self.wire[position] if keep else self.wire.pop(position)
        if self.hosts[to].raft is not None and (message.sender, to) not in self.blocked:
            self.step(to, Received(messages.decode(messages.encode(message))))

    def isolate(self, group: Sequence[str]) -> None:
        """Cut a group off from the others, in both directions."""
        for one in group:
            for other in self.names:
                if other not in group:
                    self.blocked |= {(one, other), (other, one)}

    # What follows

    def carry_out(self, name: str, count: int | None = None) -> None:
        """Carry out the next effects of a member, or all."""
        host = self.hosts[name]
        for _ in range(len(host.queue) if count is None else min(count, len(host.queue))):
            self._carry_out(host, host.queue.popleft())

    def sync_early(self, name: str) -> None:
        """Bring all waiting Persists forward and make them durable together, as a driver may."""
        host = self.hosts[name]
        host.records.extend(effect for effect in host.queue if isinstance(effect, Persist))
        host.queue = deque(effect for effect in host.queue if not isinstance(effect, Persist))
        host.is_syncing = False

    def send_early(self, name: str) -> None:
        """Send a leader's entries while its disk works, as a driver may if it takes no step meanwhile."""
        host = self.hosts[name]
        records = [effect for effect in host.queue if isinstance(effect, Persist)]
        if host.waiting_steps == 1 and records and records[0].hard_state is None:
            early = [
                it for it in host.queue if isinstance(it, Send) and isinstance(it.message, AppendRequest)
            ]
            host.queue = deque(effect for effect in host.queue if effect not in early)
            self.wire += [(send.to, send.message) for send in early]
            host.is_syncing = True

    def _carry_out(self, host: Host, effect: Effect) -> None:
        match effect:
            case Persist():
                host.records.append(effect)
                host.is_syncing = False
            case Send(to, message):
                self.wire.append((to, message))
            case Accepted(id, index, term):
                host.accepted.setdefault(index, []).append((id, term))
            case Restore(snapshot):
                self._restore(host, snapshot)
            case Committed():
                self._apply(host, effect)
            case ReadReady(ids):
                for id in ids:  # noqa: A001 - as in the event
                    self.answered.add(id)
                    self.oracle.read(host.name, host.applied_index, self._floors.pop(id))
            case RoleChanged(role="leader", term=term):
                self.oracle.elected(host.name, term)
            case Redirect() | RoleChanged():
                pass

    def _restore(self, host: Host, snapshot: Snapshot) -> None:
        if snapshot.index <= host.applied_index:
            raise Violation(
                "state machine safety", f"{host.name} goes back to a snapshot of {snapshot.index}"
            )
        host.applied_index, host.digest = snapshot.index, int(snapshot.data)
        if host.digest != self.oracle.digests[snapshot.index]:
            raise Violation("state machine safety", f"{host.name} restores another state at {snapshot.index}")

    def _apply(self, host: Host, effect: Committed) -> None:
        for entry in effect.entries:
            if entry.index != host.applied_index + 1:
                raise Violation(
                    "state machine safety", f"{host.name} applies {entry.index} behind {host.applied_index}"
                )
            self.oracle.committed(host.name, entry, self.raft(host.name).term)
            host.applied_index, host.digest = entry.index, digest_after(host.digest, entry)
            for id, term in host.accepted.pop(entry.index, []):  # noqa: A001 - as in the event
                if term == entry.term:
                    self.acknowledged[id] = entry.index
                    self.oracle.acknowledged(entry.index, self._floors.pop(id))

    # Peace

    def settle(self) -> None:
        """Carry out all effects and deliver all messages in their order, until nothing is left."""
        for _ in range(20_000):
            for name in self.running():
                self.carry_out(name)
            if not self.wire:
                return
            self.deliver()
        raise Violation("liveness", "members talk to each other for ever")

    def pass_time(self, ticks: int, *names: str) -> None:
        """Let ticks pass for these or all who are up, and settle after each."""
        for _ in range(ticks):
            for name in names or self.running():
                self.tick(name)
                self.settle()

    def let_through(self, chosen: Callable[[str, Message], bool]) -> None:
        """Deliver the messages that are chosen, and what is chosen of the answers.

        The others stay on the wire.
        """
        for _ in range(20_000):
            for name in self.running():
                self.carry_out(name)
            for position, (to, message) in enumerate(self.wire):
                if chosen(to, message):
                    self.deliver(position)
                    break
            else:
                return

    def lose(self, chosen: Callable[[str, Message], bool]) -> None:
        """These messages on the wire never arrive."""
        self.wire = [(to, message) for to, message in self.wire if not chosen(to, message)]

    def lose_patience(self, name: str) -> None:
        """Let a patient member's election timeout pass, without delivering anything."""
        for _ in range(self.timing.election_ticks_max - self.raft(name)._waited_ticks):
            self.tick(name)
        self.carry_out(name)

    def elect(self, name: str) -> None:
        """Let one patient member be elected by all whom it reaches, who hear of no leader any more."""
        for other in self.running():
            if other != name and self.raft(other).role != "leader":
                self.pass_time(self.timing.election_ticks_min, other)
        self.lose_patience(name)
        self.settle()
        assert self.raft(name).role == "leader", self.picture()

    def write(self, name: str, data: bytes) -> int:
        """A write through a member, in peace; its id."""
        id = self.propose(name, data)  # noqa: A001 - as in the event
        self.settle()
        return id

    def make_peace(self) -> None:
        """Everybody up, everything connected: then all must agree, and a write and a read must be done.

        Raises Violation "liveness".
        """
        self.blocked.clear()
        for name in self.names:
            if self.hosts[name].raft is None:
                self.start(name)
        for _ in range(20):
            self.settle()
            self.pass_time(self.timing.election_ticks_max)
            leaders = self.leaders()
            if len(leaders) == 1 and self._works(leaders[0]):
                check_logs_match(self.raft(name) for name in self.names)
                for name in self.names:
                    self._check_disk(name)
                return
        raise Violation("liveness", f"no agreement in peace: {self.picture()}")

    def _works(self, leader: str) -> bool:
        write, read = self.write(leader, b"peace"), self.read(leader)
        self.pass_time(2 * self.timing.heartbeat_ticks)
        applied = {self.hosts[name].applied_index for name in self.names}
        return write in self.acknowledged and read in self.answered and len(applied) == 1

    def _check_disk(self, name: str) -> None:
        """With nothing left to carry out, the disk holds what the member holds in memory."""
        raft, kept = self.raft(name), self._recover(name)
        first, last = raft.log.base_index + 1, raft.log.last_index
        log = raft.log.between(first, last)
        kept_log = tuple(entry for entry in kept.entries if entry.index >= first)
        if (kept.hard_state.term, kept.hard_state.vote, kept_log) != (raft.term, raft.vote, log):
            raise Violation("persistence", f"the disk of {name} differs from its memory")

    def picture(self) -> str:
        """Everybody's state in a line."""
        return "; ".join(
            f"{name} {raft.role} of term {raft.term}, log {raft.log.base_index}..{raft.log.last_index},"
            f" committed {raft.commit_index}, applied {self.hosts[name].applied_index}"
            for name in self.running()
            for raft in [self.raft(name)]
        )
