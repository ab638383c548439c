"""What a member refuses, what a step returns, and how sizes are kept in bounds."""

from __future__ import annotations

from random import Random

import pytest

from reference.raft import (
    Compact,
    Durable,
    Entry,
    Persist,
    Propose,
    Raft,
    Received,
    Send,
    Snapshot,
    Tick,
    Timing,
)
from reference.raft.messages import AppendReply, AppendRequest, VoteReply, VoteRequest
from tests.reference.raft.cluster import FAST, Cluster, Patient


def _leader() -> Raft:
    raft = Raft("a", ("a", "b", "c"), Patient(), timing=FAST)
    raft.step(*[Tick()] * FAST.election_ticks_max)
    raft.step(Received(VoteReply(1, "b", granted=True, pre=True)))
    raft.step(Received(VoteReply(1, "b", granted=True)))
    assert raft.role == "leader"
    return raft


def _sizes(effects: tuple[object, ...]) -> list[int]:
    return [
        len(effect.message.entries)
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, AppendRequest)
    ]


@pytest.mark.parametrize("members", [("a", "b"), ("a", "a", "b"), ("b", "c", "d"), ()])
def test_a_group_is_odd_and_has_its_member(members: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="odd number of different members"):
        Raft("a", members, Random(1))


@pytest.mark.parametrize("ticks", [(0, 3, 6), (3, 3, 6), (1, 6, 3)])
def test_heartbeats_come_before_patience_ends(ticks: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="heartbeat"):
        Timing(*ticks)


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(ValueError, match="needs data"):
        _leader().step(Propose(1, b""))


def test_a_snapshot_of_what_is_not_applied_is_refused() -> None:
    with pytest.raises(ValueError, match="only 0 can be applied"):
        _leader().step(Compact(Snapshot(1, 1)))


def test_a_stranger_is_ignored() -> None:
    raft = _leader()
    assert raft.step(Received(VoteRequest(9, "x", last_index=9, last_term=9))) == ()
    assert raft.step(Received(AppendReply(9, "x", ok=True, index=9, round=9))) == ()
    assert (raft.role, raft.term) == ("leader", 1)


def test_election_timeouts_differ_from_time_to_time() -> None:
    raft = Raft("a", ("a", "b", "c"), Random(1))
    waits: list[int] = []
    for _ in range(2_000):
        waits.append(waits.pop() + 1 if waits else 1)
        if any(isinstance(effect, Send) for effect in raft.step(Tick())):
            waits.append(0)
    assert set(waits[:-1]) == set(range(10, 21))


def test_persist_comes_first() -> None:
    for effects in (
        _leader().step(Propose(1, b"x")),
        _leader().step(Tick(), Propose(2, b"x"), Propose(3, b"y")),
    ):
        assert [isinstance(effect, Persist) for effect in effects].index(True) == 0
        assert sum(isinstance(effect, Persist) for effect in effects) == 1


def test_a_message_carries_so_many_entries_and_so_many_bytes_at_most() -> None:
    raft = _leader()
    raft.step(Received(AppendReply(1, "b", ok=True, index=1, round=0)))
    assert _sizes(raft.step(*[Propose(number, b"x") for number in range(1_000)])) == [512, 488]
    assert _sizes(raft.step(*[Propose(number, b"x" * 600_000) for number in range(3)])) == [1, 1, 1]


def test_only_so_many_entries_are_on_their_way_to_a_silent_follower() -> None:
    raft = _leader()
    raft.step(Received(AppendReply(1, "b", ok=True, index=1, round=0)))
    sent = sum(sum(_sizes(raft.step(*[Propose(number, b"x") for number in range(512)]))) for _ in range(20))
    assert 4_096 <= sent < 4_096 + 2 * 512
    again = raft.step(Received(AppendReply(1, "b", ok=True, index=1_000, round=0)))
    assert sum(_sizes(again)) >= 512


def test_some_entries_stay_behind_a_snapshot_for_those_who_are_a_little_late() -> None:
    cluster = Cluster(3, Patient(), retained=2)
    cluster.elect("a")
    for data in (b"x", b"y", b"z"):
        cluster.write("a", data)
    cluster.compact("a")
    log = cluster.raft("a").log
    assert (log.snapshot.index, log.base_index) == (4, 2)
    assert [entry.data for entry in log.between(3, 4)] == [b"y", b"z"]
    cluster.carry_out("a")
    cluster.crash("a")
    cluster.start("a")
    assert cluster.raft("a").log.term(3) == 1
    assert cluster.raft("a").log.last_index == 4


def test_a_member_begins_with_what_it_had() -> None:
    entries = (Entry(1, 1), Entry(2, 3, b"x"))
    raft = Raft("a", ("a", "b", "c"), Random(1), durable=Durable(entries=entries))
    assert (raft.log.last_index, raft.log.last_term, raft.commit_index) == (2, 3, 0)
