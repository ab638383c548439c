"""Planted defects of the consensus core: known ways to get Raft wrong, each a replacement of one method.

`mirrors` is a real bug of that kind. What shows each of them stands in `scenes`, under the same id.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reference.raft.durable import Entry, HardState, Persist, _Folding
from reference.raft.effects import Effect
from reference.raft.leadership import Leadership
from reference.raft.log import Log
from reference.raft.messages import Message, SnapshotRequest, VoteReply, VoteRequest
from reference.raft.progress import Progress
from reference.raft.raft import Raft


@dataclass(frozen=True, slots=True)
class Defect:
    """`replaces` is "package.module:Class.method"; `anomaly` the promise that its scene sees broken.

    All of them break the agency's promise CL-AGENCY-RAFT: linearizable, and alive with a majority.
    """

    id: str
    name: str
    anomaly: str
    replaces: str
    replacement: Any
    mirrors: str | None = None

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Replace it for a while."""
        module_name, _, path = self.replaces.partition(":")
        class_name, _, name = path.partition(".")
        owner = getattr(importlib.import_module(module_name), class_name)
        original = vars(owner)[name]
        setattr(owner, name, self.replacement)
        try:
            yield
        finally:
            setattr(owner, name, original)


def _committable_at_once(self: Leadership) -> int:
    """Acknowledges before a majority has stored it."""
    return self._log.last_index


def _confirmed_by_itself(self: Leadership) -> int:
    """Reads without asking whether it still leads."""
    return self._reads.round


def _may_read_at_once(_self: Leadership) -> bool:
    """Reads before an entry of its own term is committed."""
    return True


def _vote_not_persisted(self: Raft) -> HardState | None:
    if self._told_hard_state.term == self.term:
        return None
    self._told_hard_state = HardState(self.term, None)
    return self._told_hard_state


def _term_not_persisted(self: Raft) -> HardState | None:
    if self._told_hard_state.vote == self.vote:
        return None
    self._told_hard_state = HardState(self._told_hard_state.term, self.vote)
    return self._told_hard_state


_effects_rightly = Raft._effects


def _persisted_last(self: Raft) -> list[Effect]:
    """Answers before the entries are on disk."""
    effects = _effects_rightly(self)
    return sorted(effects, key=lambda effect: isinstance(effect, Persist))


def _committable_of_any_term(self: Leadership) -> int:
    """Commits entries of earlier terms by counting."""
    stored = [self._log.last_index, *(follower.match for follower in self._followers.values())]
    return sorted(stored, reverse=True)[self._quorum - 1]


def _commit_past_agreement(self: Raft, leader_commit: int, _agreed: int) -> None:
    """Commits its own entries that the leader has not compared yet."""
    self.log.commit_index = max(self.log.commit_index, min(leader_commit, self.log.last_index))


def _commit_goes_back(self: Raft, leader_commit: int, agreed: int) -> None:
    """Believes an old message about the commit index."""
    self.log.commit_index = min(leader_commit, agreed)


def _replace_without_cut(self: Log, index: int, entries: Sequence[Entry]) -> None:
    """Overwrites what conflicts, and leaves what comes behind it."""
    position = index - self._base_index - 1
    self._entries[position : position + len(entries)] = entries
    self._changed_from = min(self._changed_from, index)


def _accept_always_cuts(self: Log, prev_index: int, prev_term: int, entries: Sequence[Entry]) -> int | None:
    """Cuts behind `prev_index` although the entries are there: an old message removes newer entries."""
    if not self._matches(prev_index, prev_term):
        return None
    new = [entry for entry in entries if entry.index > self._base_index]
    if new:
        self._replace_from(new[0].index, new)
    return max(prev_index + len(entries), self._base_index)


def _matches_if_long_enough(self: Log, prev_index: int, _prev_term: int) -> bool:
    """Compares no terms."""
    return prev_index <= self.last_index


def _anybody_is_up_to_date(_self: Raft, _request: VoteRequest) -> bool:
    """Votes for a candidate that lacks committed entries."""
    return True


_show_term_rightly = Raft._show_term


def _count_stale_vote(self: Raft, message: Message) -> None:
    """Counts a vote that was given in an earlier term."""
    _show_term_rightly(self, message)
    if isinstance(message, VoteReply) and message.granted and self.role == "candidate":
        self._granted[message.sender] = True
        self._count_votes()


def _count_vote_twice(self: Raft, reply: VoteReply) -> None:
    """Counts a repeated answer as another vote."""
    asked = self.term + 1 if self.role == "pre-candidate" else self.term
    role = "pre-candidate" if reply.pre else "candidate"
    if self.role == role and reply.granted and reply.term == asked:
        self._granted[f"{reply.sender} {len(self._granted)}"] = True
        self._count_votes()


def _half(self: Raft) -> int:
    """Takes half for a majority."""
    return len(self.members) // 2


def _match_goes_back(self: Progress, index: int) -> None:
    """Believes a late answer about how far the logs agree."""
    self.match = index
    self.next = max(self.next, self.match + 1)
    self.asked = False
    if self.snapshot is not None and self.match >= self.snapshot:
        self.snapshot = None
    if self.match == self.next - 1:
        self.probing = False


def _scan_stops_at_old_term(self: Leadership) -> int:
    """Looks for entries to commit one by one, and ends at the first of an earlier term."""
    best = 0
    for index in range(self._log.commit_index + 1, self._log.last_index + 1):
        stored = 1 + sum(follower.match >= index for follower in self._followers.values())
        if self._log.term(index) != self._term or stored < self._quorum:
            break
        best = index
    return best


_on_snapshot_rightly = Raft._on_snapshot_request


def _snapshot_lowers_term(self: Raft, request: SnapshotRequest) -> None:
    """Takes the snapshot's term for the current one."""
    _on_snapshot_rightly(self, request)
    self.term = request.snapshot.term


def _accept_twice(self: Log, prev_index: int, prev_term: int, entries: Sequence[Entry]) -> int | None:
    """Compares positions, not indexes: what a snapshot covers already is appended once more."""
    if not self._matches(prev_index, prev_term):
        return None
    if prev_index < self._base_index:
        for entry in entries:
            self.append(entry.term, entry.data)
        return self.last_index
    for position, entry in enumerate(entries):
        if self.term(entry.index) != entry.term:
            self._replace_from(entry.index, entries[position:])
            break
    return prev_index + len(entries)


def _keeps_nothing(_self: Leadership, index: int) -> int:
    """Compacts what comes behind a snapshot that is still on its way."""
    return index


def _forget_too_much(self: _Folding, index: int) -> None:
    """Removes the first entry behind the snapshot with those before it."""
    if self.entries and index > self.entries[0].index:
        del self.entries[: index + 1 - self.entries[0].index]


_RAFT = "reference.raft.raft:Raft"
_LEADER = "reference.raft.leadership:Leadership"
_LOG = "reference.raft.log:Log"
_READ, _COMPLETE, _SAFE = "linearizability", "leader completeness", "state machine safety"
_ELECTED, _MATCHING, _LIVE = "election safety", "log matching", "liveness"

DEFECTS = (
    Defect(
        "R01",
        "acknowledged-before-majority",
        _COMPLETE,
        f"{_LEADER}._committable",
        _committable_at_once,
        "NATS: acknowledged by a minority",
    ),
    Defect(
        "R02", "read-without-quorum", _READ, f"{_LEADER}._confirmed_round", _confirmed_by_itself, "etcd#20418"
    ),
    Defect(
        "R03",
        "read-before-own-entry",
        _READ,
        f"{_LEADER}._may_read",
        _may_read_at_once,
        "etcd#7331, redisraft#22",
    ),
    Defect("R04", "vote-not-persisted", _ELECTED, f"{_RAFT}._changed_hard_state", _vote_not_persisted),
    Defect("R05", "term-not-persisted", _ELECTED, f"{_RAFT}._changed_hard_state", _term_not_persisted),
    Defect(
        "R06",
        "answered-before-stored",
        _COMPLETE,
        f"{_RAFT}._effects",
        _persisted_last,
        "NATS: acknowledged before fsync",
    ),
    Defect(
        "R07",
        "old-term-committed-by-counting",
        _COMPLETE,
        f"{_LEADER}._committable",
        _committable_of_any_term,
        "PySyncObj#169, logcabin#44",
    ),
    Defect(
        "R08", "committed-past-agreement", _SAFE, f"{_RAFT}._commit", _commit_past_agreement, "WRaft#118.2"
    ),
    Defect(
        "R09", "commit-goes-back", "monotonic commit", f"{_RAFT}._commit", _commit_goes_back, "PySyncObj#166"
    ),
    Defect("R10", "conflicting-suffix-kept", _MATCHING, f"{_LOG}._replace_from", _replace_without_cut),
    Defect("R11", "late-entries-cut", _COMPLETE, f"{_LOG}.accept", _accept_always_cuts, "RaftOS#26"),
    Defect("R12", "previous-entry-not-compared", _SAFE, f"{_LOG}._matches", _matches_if_long_enough),
    Defect("R13", "vote-for-an-old-log", _COMPLETE, f"{_RAFT}._is_up_to_date", _anybody_is_up_to_date),
    Defect("R14", "old-vote-counted", _ELECTED, f"{_RAFT}._show_term", _count_stale_vote, "Xraft#33"),
    Defect("R15", "vote-counted-twice", _ELECTED, f"{_RAFT}._on_vote_reply", _count_vote_twice),
    Defect("R16", "half-is-a-majority", _COMPLETE, f"{_RAFT}._quorum", _half),
    Defect(
        "R17",
        "match-goes-back",
        _LIVE,
        "reference.raft.progress:Progress.agreed",
        _match_goes_back,
        "RaftOS#25, PySyncObj#167",
    ),
    Defect(
        "R18",
        "old-term-stops-commits",
        _LIVE,
        f"{_LEADER}._committable",
        _scan_stops_at_old_term,
        "RaftOS#30",
    ),
    Defect(
        "R19",
        "snapshot-lowers-term",
        "monotonic term",
        f"{_RAFT}._on_snapshot_request",
        _snapshot_lowers_term,
        "WRaft#118.4",
    ),
    Defect("R20", "appended-again-after-snapshot", _SAFE, f"{_LOG}.accept", _accept_twice, "WRaft#118.1"),
    Defect(
        "R21", "snapshot-without-end", _LIVE, f"{_LEADER}.keep_from", _keeps_nothing, "hashicorp/raft#212"
    ),
    Defect(
        "R22",
        "hole-after-compaction",
        "availability",
        "reference.raft.durable:_Folding._forget_below",
        _forget_too_much,
        "arangodb#3423",
    ),
)
