"""Raft: one member's machine: terms, elections, and what a follower does.

The rules are those of figure 2 in Ongaro & Ousterhout 2014. From Ongaro's thesis come the pre-vote (9.6: who
could not win asks, and disturbs nobody) and the deaf ear for candidates while there is a leader (4.2.3, 6.2).

A step changes the state in memory at once, also what must be durable. That is sound because all that others
could learn from it stands behind the `Persist` in the step's effects.

Not here: what a leader does (`leadership`), and how logs agree (`log`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reference.raft.durable import Durable, HardState, Snapshot
from reference.raft.effects import (
    Accepted,
    Committed,
    Effect,
    Redirect,
    Restore,
    Role,
    RoleChanged,
    Send,
)
from reference.raft.events import Compact, Event, Propose, Read, Received, Tick
from reference.raft.leadership import Leadership
from reference.raft.log import Log
from reference.raft.messages import (
    AppendReply,
    AppendRequest,
    Message,
    SnapshotRequest,
    VoteReply,
    VoteRequest,
)
from reference.raft.timing import Timing

if TYPE_CHECKING:
    from random import Random

_RETAINED = 1000
_DEFAULT_TIMING = Timing()
_NOTHING = Durable()


class Raft:
    """One member of a fixed group.

    `retained` entries are kept behind a snapshot, for followers that are a little late. Raises ValueError
    unless the members are an odd number of names, all different, and `me` is one of them.
    """

    def __init__(
        self,
        me: str,
        members: Sequence[str],
        random: Random,
        *,
        timing: Timing = _DEFAULT_TIMING,
        durable: Durable = _NOTHING,
        retained: int = _RETAINED,
    ) -> None:
        if len(members) % 2 == 0 or len(set(members)) != len(members) or me not in members:
            raise ValueError(
                f"need an odd number of different members, and {me} among them, not {list(members)}"
            )
        self.me, self.members, self.timing = me, tuple(members), timing
        self.others = tuple(name for name in members if name != me)
        self.role: Role = "follower"
        self.term, self.vote = durable.hard_state.term, durable.hard_state.vote
        self.leader: str | None = None
        self.log = Log(durable)
        self._random, self._retained = random, retained
        self._leadership: Leadership | None = None
        self._granted: dict[str, bool] = {}
        self._handed_index = durable.snapshot.index
        self._restore: Snapshot | None = durable.snapshot if durable.snapshot.index else None
        self._answers: list[Effect] = []
        self._outbox: list[Send] = []
        self._told_hard_state = durable.hard_state
        self._told_role = self._position()
        self._wait_anew()

    @property
    def commit_index(self) -> int:
        """All up to it is committed."""
        return self.log.commit_index

    def step(self, *events: Event) -> tuple[Effect, ...]:
        """Take the events one after the other and return what follows. Several at once share one Persist.

        The order: Persist; RoleChanged; Send; Accepted and Redirect; Restore; Committed; ReadReady.
        """
        for event in events:
            self._take(event)
        if self._leadership is not None:
            self._leadership.advance()
        return tuple(self._effects())

    def _take(self, event: Event) -> None:
        match event:
            case Tick():
                self._tick()
            case Received(message):
                self._receive(message)
            case Propose(id, data):
                self._propose(id, data)
            case Read(id):
                self._read(id)
            case Compact(snapshot):
                self._compact(snapshot)

    # Clients

    def _propose(self, id: int, data: bytes) -> None:  # noqa: A002 - as in the event
        if not data:
            raise ValueError("a proposal needs data; an entry without is the beginning of a leader's term")
        if self._leadership is None:
            self._answers.append(Redirect((id,), self.leader))
        else:
            self._answers.append(Accepted(id, self._leadership.propose(data), self.term))

    def _read(self, id: int) -> None:  # noqa: A002 - as in the event
        if self._leadership is None:
            self._answers.append(Redirect((id,), self.leader))
        else:
            self._leadership.read(id)

    def _compact(self, snapshot: Snapshot) -> None:
        """Forget entries that a snapshot of the applied state covers."""
        if snapshot.index > self._handed_index:
            raise ValueError(
                f"a snapshot up to {snapshot.index}, but only {self._handed_index} can be applied"
            )
        if snapshot.index <= self.log.snapshot.index:
            return
        keep_from = snapshot.index + 1 - self._retained
        if self._leadership is not None:
            keep_from = self._leadership.keep_from(keep_from)
        self.log.compact(snapshot, keep_from)

    # Time

    def _wait_anew(self) -> None:
        """A new election timeout, drawn so that seldom two members run out of patience together (5.2)."""
        self._waited_ticks = 0
        self._patience_ticks = self._random.randint(
            self.timing.election_ticks_min, self.timing.election_ticks_max
        )

    def _tick(self) -> None:
        if self._leadership is not None:
            if not self._leadership.tick():
                self._follow(self.term, None)
            return
        self._waited_ticks += 1
        if self._waited_ticks >= self._patience_ticks:
            self._ask_before_election()

    # Terms and elections

    def _follow(self, term: int, leader: str | None) -> None:
        """Be a follower, of a leader that may be unknown yet."""
        if term > self.term:
            self.term, self.vote = term, None
        if self._leadership is not None:
            self._outbox.extend(self._leadership.outbox)
            reads = self._leadership.abandoned_reads()
            self._leadership = None
            if reads:
                self._answers.append(Redirect(reads, leader))
        self.role, self.leader = "follower", leader
        self._wait_anew()

    def _ask_before_election(self) -> None:
        """Pre-vote: begin a term only if a majority would elect this member."""
        self.role, self.leader = "pre-candidate", None
        self._campaign(self.term + 1, pre=True)

    def _stand(self) -> None:
        """Begin a term and stand for election."""
        self.role, self.term, self.vote = "candidate", self.term + 1, self.me
        self._campaign(self.term, pre=False)

    def _campaign(self, term: int, *, pre: bool) -> None:
        self._wait_anew()
        self._granted = {self.me: True}
        for name in self.others:
            request = VoteRequest(
                term, self.me, last_index=self.log.last_index, last_term=self.log.last_term, pre=pre
            )
            self._outbox.append(Send(name, request))
        self._count_votes()

    def _count_votes(self) -> None:
        if sum(self._granted.values()) < self._quorum():
            return
        if self.role == "pre-candidate":
            self._stand()
        else:
            self._lead()

    def _quorum(self) -> int:
        """A majority."""
        return len(self.members) // 2 + 1

    def _lead(self) -> None:
        self.role, self.leader = "leader", self.me
        self._leadership = Leadership(
            self.me, self.others, self.term, self.log, quorum=self._quorum(), timing=self.timing
        )

    def _hears_leader(self) -> bool:
        """Whether there is a leader as far as this member can know: then nobody needs an election."""
        if self.role == "leader":
            return True
        return self.leader is not None and self._waited_ticks < self.timing.election_ticks_min

    def _is_up_to_date(self, request: VoteRequest) -> bool:
        """Whether the candidate's log is at least as far as this one (5.4.1)."""
        return (request.last_term, request.last_index) >= (self.log.last_term, self.log.last_index)

    # Messages

    def _receive(self, message: Message) -> None:
        if message.sender not in self.others or self._is_ignored(message):
            return
        if self._is_stale(message):
            self._show_term(message)
            return
        if self._brings_term(message):
            self._follow(message.term, None)
        self._handle(message)

    def _handle(self, message: Message) -> None:
        match message:
            case VoteRequest():
                self._on_vote_request(message)
            case VoteReply():
                self._on_vote_reply(message)
            case AppendRequest():
                self._on_append_request(message)
            case SnapshotRequest():
                self._on_snapshot_request(message)
            case AppendReply():
                self._on_append_reply(message)

    def _is_stale(self, message: Message) -> bool:
        """Whether it is of an earlier term."""
        return message.term < self.term

    def _show_term(self, message: Message) -> None:
        """Tell whoever is behind, so that it steps down or catches up; say nothing to an answer."""
        match message:
            case VoteRequest(pre=pre):
                self._reply(message, VoteReply(self.term, self.me, granted=False, pre=pre))
            case AppendRequest() | SnapshotRequest():
                self._reply(message, AppendReply(self.term, self.me, ok=False, index=0, round=0))

    def _is_ignored(self, message: Message) -> bool:
        """A candidate that has not heard the leader, while this member has, gets no answer (thesis 4.2.3)."""
        return isinstance(message, VoteRequest) and message.term > self.term and self._hears_leader()

    def _brings_term(self, message: Message) -> bool:
        """Whether its term has begun. That of a pre-vote has not, nor has the one of its granted answer."""
        match message:
            case VoteRequest(pre=True) | VoteReply(pre=True, granted=True):
                return False
        return message.term > self.term

    def _on_vote_request(self, request: VoteRequest) -> None:
        if request.pre:
            granted = request.term > self.term and self._is_up_to_date(request)
            term = request.term if granted else self.term
            self._reply(request, VoteReply(term, self.me, granted=granted, pre=True))
            return
        granted = self.vote in (None, request.sender) and self._is_up_to_date(request)
        if granted:
            self.vote = request.sender
            self._wait_anew()
        self._reply(request, VoteReply(self.term, self.me, granted=granted))

    def _on_vote_reply(self, reply: VoteReply) -> None:
        asked = self.term + 1 if self.role == "pre-candidate" else self.term
        role: Role = "pre-candidate" if reply.pre else "candidate"
        if self.role == role and reply.granted and reply.term == asked:
            self._granted[reply.sender] = True
            self._count_votes()

    def _heed(self, leader: str) -> None:
        """A message of this term's leader: follow it."""
        if self.role == "follower" and self.leader == leader:
            self._waited_ticks = 0
        else:
            self._follow(self.term, leader)

    def _on_append_request(self, request: AppendRequest) -> None:
        self._heed(request.sender)
        agreed = self.log.accept(request.prev_index, request.prev_term, request.entries)
        if agreed is None:
            first, term = self.log.conflict(request.prev_index)
            self._answer(request, ok=False, index=request.prev_index, hint_index=first, hint_term=term)
            return
        self._commit(request.commit, agreed)
        self._answer(request, ok=True, index=agreed)

    def _commit(self, leader_commit: int, agreed: int) -> None:
        """The leader has committed so far; here that is known up to where the logs agree, and for ever."""
        self.log.commit_index = max(self.log.commit_index, min(leader_commit, agreed))

    def _on_snapshot_request(self, request: SnapshotRequest) -> None:
        self._heed(request.sender)
        snapshot = request.snapshot
        if snapshot.index > self.log.commit_index and self.log.install(snapshot):
            self._restore, self._handed_index = snapshot, snapshot.index
        self._answer(request, ok=True, index=self.log.commit_index)

    def _on_append_reply(self, reply: AppendReply) -> None:
        if self._leadership is not None:
            self._leadership.take_reply(reply)

    def _answer(
        self,
        request: AppendRequest | SnapshotRequest,
        *,
        ok: bool,
        index: int,
        hint_index: int = 0,
        hint_term: int = 0,
    ) -> None:
        reply = AppendReply(
            self.term,
            self.me,
            ok=ok,
            index=index,
            round=request.round,
            hint_index=hint_index,
            hint_term=hint_term,
        )
        self._reply(request, reply)

    def _reply(self, request: Message, reply: Message) -> None:
        self._outbox.append(Send(request.sender, reply))

    # Effects

    def _effects(self) -> list[Effect]:
        """What has come together in a step, in its order."""
        effects: list[Effect] = []
        record = self.log.changes(self._changed_hard_state())
        if record is not None:
            effects.append(record)
        effects.extend(self._changed_role())
        effects.extend(self._sends())
        effects.extend(self._answers)
        self._answers = []
        effects.extend(self._handed())
        if self._leadership is not None:
            effects.extend(self._leadership.ready_reads)
            self._leadership.ready_reads = []
        return effects

    def _changed_hard_state(self) -> HardState | None:
        """Term and vote, if they are others than what was written down last."""
        now = HardState(self.term, self.vote)
        if now == self._told_hard_state:
            return None
        self._told_hard_state = now
        return now

    def _position(self) -> RoleChanged:
        return RoleChanged(self.role, self.term, self.leader)

    def _changed_role(self) -> list[Effect]:
        now = self._position()
        if now == self._told_role:
            return []
        self._told_role = now
        return [now]

    def _sends(self) -> list[Send]:
        sends, self._outbox = self._outbox, []
        if self._leadership is not None:
            sends.extend(self._leadership.outbox)
            self._leadership.outbox = []
        return sends

    def _handed(self) -> list[Effect]:
        """What the driver has to apply."""
        effects: list[Effect] = []
        if self._restore is not None:
            effects.append(Restore(self._restore))
            self._restore = None
        if self.log.commit_index > self._handed_index:
            effects.append(Committed(self.log.between(self._handed_index + 1, self.log.commit_index)))
            self._handed_index = self.log.commit_index
        return effects
