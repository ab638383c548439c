"""Scenes: for each defect of `tests.defects.raft` a short story that goes well, but for that defect.

A scene plays with patient members of the pure machine: nobody stands for election unless told to. It raises
Violation, or returns. What clients of real agents see of the same defects is in `tests.defects.witnesses`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from reference.raft import Message, Received
from reference.raft.messages import AppendReply, AppendRequest, SnapshotRequest, VoteReply, VoteRequest
from tests.reference.raft.cluster import Cluster, Patient
from tests.reference.raft.oracle import Violation, check_logs_match


@dataclass(frozen=True, slots=True)
class Scene:
    """A story, and the promise that its defect breaks in it."""

    play: Callable[[], None]
    promise: str


def _led_by_a(members: int = 3) -> Cluster:
    cluster = Cluster(members, Patient())
    cluster.elect("a")
    return cluster


def _hear_nobody(cluster: Cluster, names: str) -> None:
    """These have not heard from a leader for so long that they would vote."""
    for name in names:
        for _ in range(cluster.timing.election_ticks_min):
            cluster.tick(name)


def _carries_entries(_to: str, message: Message) -> bool:
    return isinstance(message, AppendRequest) and bool(message.entries)


def isolated_leader_acknowledges_nothing() -> None:
    """A leader that reaches nobody takes a write; the others elect another."""
    cluster = _led_by_a()
    cluster.isolate("a")
    cluster.write("a", b"x")
    cluster.elect("b")


def deposed_leader_answers_no_read() -> None:
    """A leader that was replaced without knowing it is asked for the newest state."""
    cluster = _led_by_a()
    cluster.isolate("a")
    cluster.elect("b")
    cluster.write("b", b"x")
    cluster.read("a")
    cluster.settle()


def new_leader_waits_with_reads() -> None:
    """A new leader does not know yet that the last entry is committed; it can send heartbeats, no entries."""
    cluster = _led_by_a()
    cluster.write("a", b"x")
    cluster.crash("a")
    _hear_nobody(cluster, "c")
    cluster.lose_patience("b")
    cluster.let_through(lambda to, message: not _carries_entries(to, message))
    assert cluster.leaders() == ["b"]
    cluster.read("b")
    cluster.let_through(lambda to, message: not _carries_entries(to, message))


def voter_forgets_nothing() -> None:
    """A voter crashes after its vote; another candidate of the same term asks it."""
    cluster = Cluster(3, Patient())
    _both_stand(cluster, "a", "c")
    votes = VoteRequest | VoteReply
    cluster.let_through(lambda to, message: {to, message.sender} == {"a", "b"} and isinstance(message, votes))
    assert cluster.leaders() == ["a"]
    cluster.crash("b")
    cluster.start("b")
    cluster.let_through(lambda to, message: {to, message.sender} == {"b", "c"})


def _both_stand(cluster: Cluster, one: str, other: str) -> None:
    """Two members get their pre-votes, and stand in the same term; their requests are on the wire."""
    cluster.lose_patience(one)
    cluster.lose_patience(other)
    cluster.let_through(lambda _to, message: isinstance(message, VoteRequest | VoteReply) and message.pre)
    assert cluster.raft(one).role == cluster.raft(other).role == "candidate"
    assert cluster.raft(one).term == cluster.raft(other).term


def term_is_not_used_again() -> None:
    """All crash after an election, before the leader has sent anything; the next election follows."""
    cluster = Cluster(3, Patient())
    _both_stand(cluster, "a", "c")
    cluster.let_through(lambda _to, message: isinstance(message, VoteRequest | VoteReply))
    assert cluster.leaders() == ["a"]
    for name in "abc":
        cluster.crash(name)
    cluster.wire.clear()
    for name in "abc":
        cluster.start(name)
    cluster.elect("b")


def stored_before_answered() -> None:
    """A follower crashes when it has answered, before anything else; the leader crashes, too."""
    cluster = _led_by_a()
    cluster.propose("a", b"x")
    cluster.carry_out("a")
    cluster.lose(lambda to, _message: to == "c")
    cluster.deliver()
    while not any(isinstance(message, AppendReply) for _, message in cluster.wire):
        cluster.carry_out("b", 1)
    cluster.crash("b")
    cluster.let_through(lambda to, _message: to == "a")
    cluster.crash("a")
    cluster.start("b")
    cluster.wire.clear()
    cluster.elect("c" if cluster.raft("b").log.last_index == 1 else "b")


def old_entry_is_not_committed_by_counting() -> None:
    """Figure 8: an entry of an earlier term is on a majority, and is replaced nevertheless."""
    cluster = _led_by_a(5)
    cluster.propose("a", b"x" * ((1 << 20) + 1))  # as big as a message may be, so that it travels alone
    cluster.let_through(lambda to, message: to == "b" or message.sender == "b")
    cluster.crash("a")
    cluster.crash("b")
    cluster.wire.clear()
    _hear_nobody(cluster, "cd")
    cluster.lose_patience("e")
    cluster.let_through(lambda to, message: not _carries_entries(to, message))
    assert cluster.leaders() == ["e"]
    cluster.crash("e")
    cluster.wire.clear()
    cluster.start("a")
    cluster.start("b")
    _hear_nobody(cluster, "bcd")
    for happens in (cluster.lose_patience, cluster.lose_patience, cluster.tick):
        happens("a")  # it learns of the term in which e led; is elected; compares logs
        cluster.let_through(lambda to, message: {to, message.sender} != {"a", "d"} and not _is_own(message))
    assert cluster.leaders() == ["a"]
    assert cluster.raft("c").log.last_index == cluster.raft("b").log.last_index == 2
    cluster.carry_out("a")
    cluster.crash("a")
    cluster.wire.clear()
    cluster.start("e")
    _hear_nobody(cluster, "bcd")
    for _ in range(2):
        cluster.lose_patience("e")
        cluster.settle()
    assert cluster.leaders() == ["e"]


def _is_own(message: Message) -> bool:
    return isinstance(message, AppendRequest) and any(entry.term == message.term for entry in message.entries)


def heartbeat_commits_only_what_agrees() -> None:
    """A follower with entries of a deposed leader hears a heartbeat before it hears what replaces them."""
    cluster = _led_by_a()
    cluster.isolate("a")
    cluster.propose("a", b"x")
    cluster.propose("a", b"y")
    cluster.elect("b")
    cluster.write("b", b"z")
    cluster.wire.clear()
    cluster.blocked.clear()
    cluster.tick("b")
    cluster.let_through(lambda to, message: not _carries_entries(to, message))
    cluster.settle()


def old_heartbeat_takes_nothing_back() -> None:
    """A heartbeat arrives again, after the commit index has grown."""
    cluster = _led_by_a()
    cluster.tick("a")
    cluster.carry_out("a")
    old = list(cluster.wire)
    cluster.write("a", b"x")
    cluster.pass_time(1, "a")
    cluster.wire.extend(old)
    cluster.settle()


def conflicting_suffix_goes_whole() -> None:
    """Three entries of a deposed leader meet one of the new one."""
    cluster = _led_by_a(5)
    cluster.isolate("ab")
    for data in (b"x", b"y", b"z"):
        cluster.write("a", data)
    cluster.elect("c")
    cluster.blocked.clear()
    cluster.isolate("a")
    cluster.pass_time(2, "c")
    check_logs_match(cluster.raft(name) for name in "abcde")


def late_entries_remove_nothing() -> None:
    """A message with old entries arrives once more, behind newer ones that were acknowledged."""
    cluster = _led_by_a()
    cluster.propose("a", b"x")
    cluster.carry_out("a")
    old = [(to, message) for to, message in cluster.wire if to == "b"]
    cluster.isolate("c")
    cluster.settle()
    cluster.write("a", b"y")
    cluster.wire.extend(old)
    cluster.settle()
    cluster.crash("a")
    cluster.blocked.clear()
    cluster.elect("b")


def place_before_entries_is_compared() -> None:
    """The entries that a leader sends come behind one that this follower has otherwise."""
    cluster = _led_by_a()
    cluster.isolate("a")
    cluster.propose("a", b"x")
    cluster.elect("b")
    cluster.crash("b")
    cluster.start("b")
    cluster.elect("b")
    cluster.blocked.clear()
    cluster.pass_time(2, "b")


def late_member_is_not_elected() -> None:
    """A member that missed a write asks for votes."""
    cluster = _led_by_a()
    cluster.isolate("c")
    cluster.write("a", b"x")
    cluster.crash("a")
    cluster.blocked.clear()
    _hear_nobody(cluster, "b")
    cluster.lose_patience("c")
    cluster.settle()


def old_vote_does_not_count() -> None:
    """A vote arrives late, when its candidate stands in the next term, and another has won that."""
    cluster = Cluster(3, Patient())
    cluster.lose_patience("a")
    cluster.let_through(lambda _to, message: isinstance(message, VoteRequest | VoteReply) and message.pre)
    cluster.let_through(lambda to, message: to == "b" and isinstance(message, VoteRequest))
    late_vote = [(to, message) for to, message in cluster.wire if isinstance(message, VoteReply)]
    cluster.wire.clear()
    cluster.lose_patience("a")
    cluster.let_through(lambda to, message: to == "b" and isinstance(message, VoteRequest) and message.pre)
    late_pre_vote = [(to, message) for to, message in cluster.wire if isinstance(message, VoteReply)]
    cluster.wire.clear()
    cluster.isolate("a")
    for _ in range(2):  # the first time it learns of the term
        cluster.lose_patience("c")
        cluster.settle()
    assert cluster.leaders() == ["c"]
    assert cluster.raft("c").term == 2
    cluster.blocked.clear()
    cluster.wire.extend(late_pre_vote)
    cluster.let_through(lambda to, _message: to == "a")
    assert cluster.raft("a").role == "candidate"
    assert cluster.raft("a").term == 2
    cluster.wire.extend(late_vote)
    cluster.let_through(lambda to, message: to == "a" and message.sender == "b")


def repeated_vote_counts_once() -> None:
    """Of five, two vote for one candidate, one of them twice; the others vote for another."""
    cluster = Cluster(5, Patient())
    _both_stand(cluster, "a", "c")
    cluster.let_through(lambda to, message: to == "b" and message.sender == "a")
    cluster.wire.extend([pair for pair in cluster.wire if pair[1].sender == "b"])
    cluster.let_through(lambda to, message: to == "a" and message.sender == "b")
    cluster.let_through(lambda to, message: {to, message.sender} <= {"c", "d", "e"})
    assert "c" in cluster.leaders()


def minority_elects_nobody() -> None:
    """Two of five hear no leader any more, while the other three go on."""
    cluster = _led_by_a(5)
    cluster.isolate("de")
    cluster.write("a", b"x")
    cluster.wire.clear()
    _hear_nobody(cluster, "e")
    cluster.lose_patience("d")
    cluster.settle()


def late_answer_takes_nothing_back() -> None:
    """A follower's answers come in the wrong order, together; a third member is down.

    The commit then waits for the next heartbeat. Nothing worse can come of it: a match that is too low
    commits less, the commit index never goes back, and the next answer makes the match right again.
    """
    cluster = _led_by_a()
    cluster.crash("c")
    for data in (b"x", b"y"):
        cluster.propose("a", data)
    cluster.carry_out("a")
    cluster.let_through(lambda to, _message: to == "b")
    answers = [message for to, message in cluster.wire if to == "a"]
    assert len(answers) == 2
    cluster.wire.clear()
    cluster.step("a", *[Received(message) for message in reversed(answers)])
    if cluster.raft("a").commit_index < 3:
        raise Violation("liveness", f"two have all entries, the leader knows, and waits: {cluster.picture()}")


def old_entries_are_committed_with_new_ones() -> None:
    """A leader finds an entry of an earlier term in its log that was never committed."""
    cluster = _led_by_a()
    cluster.propose("a", b"x")
    cluster.let_through(lambda to, _message: to == "b")
    cluster.crash("a")
    cluster.wire.clear()
    cluster.elect("b")
    write = cluster.write("b", b"y")
    cluster.pass_time(2, "b")
    if write not in cluster.acknowledged:
        raise Violation("liveness", f"a write is on all members, and is not committed: {cluster.picture()}")


def snapshot_changes_no_term() -> None:
    """A follower gets a snapshot that ends with an entry of an earlier term than the leader's."""
    cluster = _led_by_a()
    cluster.isolate("c")
    cluster.write("a", b"x")
    cluster.compact("a")
    cluster.carry_out("a")
    cluster.crash("a")
    cluster.start("a")
    cluster.elect("a")
    cluster.blocked.clear()
    cluster.pass_time(2, "a")
    assert cluster.hosts["c"].applied_index == cluster.hosts["a"].applied_index


def old_entries_are_not_appended_again() -> None:
    """Entries from the beginning of the log arrive once more, when a snapshot covers them."""
    cluster = _led_by_a()
    cluster.propose("a", b"x")
    cluster.carry_out("a")
    old = [
        (to, structs.replace(message, prev_index=0, prev_term=0, entries=cluster.raft("a").log.between(1, 2)))
        for to, message in cluster.wire
        if isinstance(message, AppendRequest) and to == "b"
    ]
    cluster.settle()
    cluster.pass_time(1, "a")
    cluster.compact("b")
    assert cluster.raft("b").log.base_index == 2
    cluster.wire.extend(old)
    cluster.settle()
    cluster.write("a", b"y")
    cluster.pass_time(2, "a")


def late_member_catches_up_while_others_write() -> None:
    """Whenever a snapshot has arrived, the leader has compacted its log again."""
    cluster = _led_by_a()
    cluster.isolate("c")
    cluster.write("a", b"x")
    cluster.compact("a")
    cluster.blocked.clear()
    snapshots = 0
    for _ in range(10):
        cluster.tick("a")
        cluster.let_through(lambda to, message: (to, message.sender) != ("a", "c"))
        cluster.propose("a", b"y")
        cluster.let_through(lambda to, message: {to, message.sender} == {"a", "b"})
        cluster.compact("a")
        cluster.let_through(lambda to, message: (to, message.sender) == ("a", "c"))
        snapshots += sum(isinstance(message, SnapshotRequest) for _, message in cluster.wire)
    if snapshots > 2:
        raise Violation("liveness", f"{snapshots} snapshots, and still not there: {cluster.picture()}")


def member_starts_again_after_compaction() -> None:
    """A leader compacts its log, has entries behind the snapshot, and is started again."""
    cluster = _led_by_a()
    cluster.write("a", b"x")
    cluster.propose("a", b"y")
    cluster.propose("a", b"z")
    cluster.compact("a")
    cluster.carry_out("a")
    cluster.crash("a")
    cluster.start("a")
    assert cluster.raft("a").log.last_index == 4


SCENES = {
    "acknowledged-before-majority": Scene(isolated_leader_acknowledges_nothing, "leader completeness"),
    "read-without-quorum": Scene(deposed_leader_answers_no_read, "linearizability"),
    "read-before-own-entry": Scene(new_leader_waits_with_reads, "linearizability"),
    "vote-not-persisted": Scene(voter_forgets_nothing, "election safety"),
    "term-not-persisted": Scene(term_is_not_used_again, "election safety"),
    "answered-before-stored": Scene(stored_before_answered, "leader completeness"),
    "old-term-committed-by-counting": Scene(old_entry_is_not_committed_by_counting, "leader completeness"),
    "committed-past-agreement": Scene(heartbeat_commits_only_what_agrees, "state machine safety"),
    "commit-goes-back": Scene(old_heartbeat_takes_nothing_back, "monotonic commit"),
    "conflicting-suffix-kept": Scene(conflicting_suffix_goes_whole, "log matching"),
    "late-entries-cut": Scene(late_entries_remove_nothing, "leader completeness"),
    "previous-entry-not-compared": Scene(place_before_entries_is_compared, "state machine safety"),
    "vote-for-an-old-log": Scene(late_member_is_not_elected, "leader completeness"),
    "old-vote-counted": Scene(old_vote_does_not_count, "election safety"),
    "vote-counted-twice": Scene(repeated_vote_counts_once, "election safety"),
    "half-is-a-majority": Scene(minority_elects_nobody, "leader completeness"),
    "match-goes-back": Scene(late_answer_takes_nothing_back, "liveness"),
    "old-term-stops-commits": Scene(old_entries_are_committed_with_new_ones, "liveness"),
    "snapshot-lowers-term": Scene(snapshot_changes_no_term, "monotonic term"),
    "appended-again-after-snapshot": Scene(old_entries_are_not_appended_again, "state machine safety"),
    "snapshot-without-end": Scene(late_member_catches_up_while_others_write, "liveness"),
    "hole-after-compaction": Scene(member_starts_again_after_compaction, "availability"),
}
"""By the defect that each of them shows."""
