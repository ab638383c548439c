"""Leadership: one member's leadership in one term.

An entry is committed when a majority has stored it and it is of the leader's own term; with it, all before
it. An entry of an earlier term is never committed by counting: it may still be replaced (Ongaro & Ousterhout
2014, 5.4.2, figure 8). So a new leader begins with an empty entry, and until that is committed it does not
know what is: it answers no read before (section 8, thesis 6.4).

A leader that has not heard from a majority for an election timeout steps down, so that its clients look for
another (check-quorum: thesis 6.2).

Not here: how it came to lead, and how it ends (`raft`).
"""

from __future__ import annotations

from collections.abc import Sequence

from reference.raft.effects import ReadReady, Send
from reference.raft.log import Log
from reference.raft.messages import AppendReply, AppendRequest, SnapshotRequest
from reference.raft.progress import Progress
from reference.raft.reads import Reads
from reference.raft.timing import Timing


class Leadership:
    """Begins by appending the empty entry of its term.

    What it has to say stands in `outbox` until it is taken.
    """

    def __init__(
        self, me: str, followers: Sequence[str], term: int, log: Log, *, quorum: int, timing: Timing
    ) -> None:
        self._me, self._term, self._log, self._quorum, self._timing = me, term, log, quorum, timing
        self._first_index = log.append(term, b"").index
        self._followers = {name: Progress(next=self._first_index) for name in followers}
        self._reads = Reads()
        self._since_heartbeat = 0
        self.outbox: list[Send] = []
        self.ready_reads: list[ReadReady] = []
        """Reads that may be answered when all that is committed has been handed over."""

    def propose(self, data: bytes) -> int:
        """A client's command; its index."""
        return self._log.append(self._term, data).index

    def read(self, id: int) -> None:  # noqa: A002 - as in the event
        """A client's read."""
        self._reads.add(id)

    def abandoned_reads(self) -> tuple[int, ...]:
        """Reads without an answer, when the leadership ends."""
        return self._reads.abandoned()

    def tick(self) -> bool:
        """Time passes; False if a majority, counting itself, has been silent for too long."""
        for follower in self._followers.values():
            follower.silent_ticks += 1
            follower.waited_ticks += 1
        if 1 + sum(map(self._is_heard, self._followers.values())) < self._quorum:
            return False
        self._since_heartbeat += 1
        if self._since_heartbeat >= self._timing.heartbeat_ticks:
            self._send_heartbeats()
        return True

    def _is_heard(self, follower: Progress) -> bool:
        return follower.silent_ticks < self._timing.election_ticks_min

    def take_reply(self, reply: AppendReply) -> None:
        """A follower's answer in this term."""
        follower = self._followers[reply.sender]
        follower.silent_ticks = 0
        follower.round = max(follower.round, reply.round)
        if reply.ok:
            follower.agreed(reply.index)
        else:
            follower.refused(self._next_guess(reply))

    def _next_guess(self, reply: AppendReply) -> int:
        """Where the follower's log may begin to differ.

        All of a conflicting term is passed over at once (5.3).
        """
        end = self._log.end_of_term(reply.hint_term) if reply.hint_term else None
        return min(reply.index, reply.hint_index if end is None else end + 1)

    def advance(self) -> None:
        """At the end of a step: commit what may be committed, and send what is to be sent."""
        self._log.commit_index = max(self._log.commit_index, self._committable())
        self._serve_reads()
        for name, follower in self._followers.items():
            self._catch_up(name, follower)

    def _committable(self) -> int:
        """The highest index that a majority has stored, if it is of this term; else 0."""
        stored = [self._log.last_index, *(follower.match for follower in self._followers.values())]
        index = sorted(stored, reverse=True)[self._quorum - 1]
        return index if self._log.term(index) == self._term else 0

    def _may_read(self) -> bool:
        """Whether the commit index is known: an entry of this term is committed."""
        return self._log.commit_index >= self._first_index

    def _serve_reads(self) -> None:
        """End a round that is confirmed, and begin the next; a single member confirms its own at once."""
        self._end_round()
        if self._may_read() and self._reads.begin(self._log.commit_index):
            self._send_heartbeats()
            self._end_round()

    def _end_round(self) -> None:
        confirmed = self._reads.confirm(self._confirmed_round())
        if confirmed:
            self.ready_reads.append(ReadReady(*confirmed))

    def _confirmed_round(self) -> int:
        """The last round that a majority has answered."""
        rounds = [self._reads.round, *(follower.round for follower in self._followers.values())]
        return sorted(rounds, reverse=True)[self._quorum - 1]

    def keep_from(self, index: int) -> int:
        """Entries that must not be compacted yet, if that is before `index`.

        A follower that is being sent a snapshot needs what comes behind it. Would it be gone when the
        snapshot has arrived, the follower would need the next snapshot, and so on for ever. One that is
        silent is not waited for.
        """
        for follower in self._followers.values():
            if follower.snapshot is not None and self._is_heard(follower):
                index = min(index, follower.snapshot + 1)
        return index

    def _send_heartbeats(self) -> None:
        self._since_heartbeat = 0
        for name, follower in self._followers.items():
            prev_index = follower.next - 1 if follower.snapshot is None else 0
            self._send_entries(name, follower, prev_index, carrying=False)

    def _catch_up(self, name: str, follower: Progress) -> None:
        """Send entries, or a snapshot if they are no longer there."""
        if self._has_lost_snapshot(follower):
            self._send_snapshot(name, follower)
        while follower.wants(self._log.last_index):
            if follower.next <= self._log.base_index:
                self._send_snapshot(name, follower)
            else:
                self._send_entries(name, follower, follower.next - 1, carrying=True)

    def _has_lost_snapshot(self, follower: Progress) -> bool:
        """Whether it answers heartbeats, and has not answered the snapshot for long."""
        late = follower.waited_ticks >= self._timing.election_ticks_min
        return follower.snapshot is not None and late and self._is_heard(follower)

    def _send_snapshot(self, name: str, follower: Progress) -> None:
        snapshot = self._log.snapshot
        follower.sent_snapshot(snapshot.index)
        self._send(name, SnapshotRequest(self._term, self._me, snapshot=snapshot, round=self._reads.round))

    def _send_entries(self, name: str, follower: Progress, prev_index: int, *, carrying: bool) -> None:
        """Entries behind `prev_index`, or a heartbeat there.

        One before the log's base says nothing about the log.
        """
        prev_term = self._log.term(prev_index)
        if prev_term is None:
            prev_index = prev_term = 0
        entries = self._log.batch(prev_index + 1) if carrying else ()
        if carrying:
            follower.sent(len(entries))
        self._send(
            name,
            AppendRequest(
                self._term,
                self._me,
                prev_index=prev_index,
                prev_term=prev_term,
                entries=entries,
                commit=self._log.commit_index,
                round=self._reads.round,
            ),
        )

    def _send(self, to: str, message: AppendRequest | SnapshotRequest) -> None:
        self.outbox.append(Send(to, message))
