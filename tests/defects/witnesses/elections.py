"""One leader in a term: witnesses of defects of elections among agents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reference.raft.messages import SnapshotRequest, VoteReply, VoteRequest
from tests.defects.agents import Agents, agency
from tests.defects.wire import Chosen, Packet, carries_entries

_PAUSE_S = 0.5
_MOMENT_S = 0.02
"""So long an agent takes at most to answer a message."""
_COMPACTING = ("--agency.compaction-step-size", "5", "--agency.compaction-keep-size", "0")


@agency()
async def vote_for_an_old_log(stage: Agents) -> None:
    """An agent that missed a write asks for votes."""
    stage.wire.isolate("n3")
    await stage.write("n1", 1)
    stage.kill("n1")
    stage.wire.mend()
    stage.wire.candidate = "n3"
    await stage.happens(lambda: stage.is_("n3", "leader"), 3)
    stage.wire.candidate = None
    await stage.look("n3")


@agency()
async def term_not_persisted(stage: Agents) -> None:
    """All agents are started again; the leader before had writes that nobody else has."""
    stage.wire.isolate("n1")
    await asyncio.gather(*(stage.ask("n1", "write", 1, key=key) for key in (1, 2)))
    stage.kill(*stage.agents)
    await asyncio.gather(*(stage.start(node) for node in stage.agents))
    await stage.elect("n2")
    await stage.write("n2", 5)
    stage.wire.mend()
    stage.wire.candidate = "n2"
    await asyncio.sleep(_PAUSE_S)
    stage.kill("n2")
    await stage.elect("n1")
    await stage.look("n1")


@agency()
async def vote_not_persisted(stage: Agents) -> None:
    """A voter is started again after its vote; another candidate of the same term asks it."""
    await _stand(stage, "n1", "n3", voters=("n2",))
    await _vote(stage, "n2", "n1")
    assert await stage.is_("n1", "leader")
    stage.kill("n2")
    await stage.start("n2")
    await _vote(stage, "n2", "n3")
    await _both_lead(stage, ("n3", "n2"), ("n1", "n2"))


@agency()
async def old_vote_counted(stage: Agents) -> None:
    """A vote arrives late: its candidate stands in the next term, and another has won that."""
    await _stand(stage, "n1", voters=("n2",))
    await stage.wire.deliver(_last(stage, lambda packet: _asks(packet, "n1", "n2", pre=False)))
    await asyncio.sleep(_MOMENT_S)
    vote = _last(stage, lambda packet: _grants(packet, "n2", "n1", pre=False))
    await stage.becomes("n1", "pre-candidate")
    await stage.wire.deliver(_last(stage, lambda packet: _asks(packet, "n1", "n2", pre=True)))
    await asyncio.sleep(_MOMENT_S)
    pre_vote = _last(stage, lambda packet: _grants(packet, "n2", "n1", pre=True))
    stage.wire.holds = lambda packet: "n1" in (packet.source, packet.to)
    await stage.elect("n3")
    await stage.write("n3", 4)
    await stage.wire.deliver(pre_vote)
    await stage.becomes("n1", "candidate")
    await stage.wire.deliver(vote)
    await _both_lead(stage, ("n3", "n2"), ("n1", "n2"))


@agency(agents=5)
async def vote_counted_twice(stage: Agents) -> None:
    """Of five, two vote for one candidate, and the answer of one arrives twice; three vote for another."""
    await _stand(stage, "n1", "n3", voters=("n4", "n5"))
    await _vote(stage, "n2", "n1", times=2)
    for voter in ("n4", "n5"):
        await _vote(stage, voter, "n3")
    assert await stage.is_("n3", "leader")
    await _both_lead(stage, ("n3", "n4", "n5"), ("n1", "n2", "n4"))


@agency(*_COMPACTING)
async def snapshot_lowers_term(stage: Agents) -> None:
    """A voter gets a snapshot that ends with an entry of an earlier term; another candidate asks it."""
    stage.wire.isolate("n3")
    for number in range(12):
        await stage.write("n1", number, key=2)
    await asyncio.sleep(_PAUSE_S)
    stage.wire.mend()
    await _stand(stage, "n1", "n2", voters=("n3",))
    await _vote(stage, "n3", "n1")
    assert await stage.is_("n1", "leader")
    stage.wire.holds = lambda packet: {packet.source, packet.to} != {"n1", "n3"} or carries_entries(packet)

    async def has_sent_a_snapshot() -> bool:
        return bool(stage.wire.passing(lambda packet: isinstance(packet.message, SnapshotRequest)))

    await stage.until(has_sent_a_snapshot, "n3 gets a snapshot")
    stage.wire.holds = lambda _: True
    await stage.becomes("n3", "pre-candidate")
    await _vote(stage, "n3", "n2")
    await _both_lead(stage, ("n2", "n3"), ("n1", "n3"))


async def _stand(stage: Agents, *candidates: str, voters: Sequence[str]) -> None:
    """Nothing arrives any more but what is delivered. These get their pre-votes, and stand in one term."""
    stage.wire.holds = lambda _: True
    for node in (*candidates, *voters):
        await stage.becomes(node, "pre-candidate")
    await stage.make_patient(*candidates)
    for candidate in candidates:
        for voter in voters:
            await _answer(stage, voter, candidate, pre=True)
        await stage.becomes(candidate, "candidate")


async def _vote(stage: Agents, voter: str, candidate: str, *, times: int = 1) -> None:
    """A candidate's request reaches a voter, and what it answers reaches the candidate."""
    await _answer(stage, voter, candidate, pre=False, times=times)
    await asyncio.sleep(_MOMENT_S)


async def _answer(stage: Agents, voter: str, candidate: str, *, pre: bool, times: int = 1) -> None:
    await stage.wire.deliver(_last(stage, lambda packet: _asks(packet, candidate, voter, pre=pre)))
    await asyncio.sleep(_MOMENT_S)
    way = (voter, candidate)
    replies = stage.wire.take(
        lambda packet: isinstance(packet.message, VoteReply) and (packet.source, packet.to) == way
    )
    await stage.wire.deliver(*replies * times)


async def _both_lead(stage: Agents, first: tuple[str, ...], second: tuple[str, ...]) -> None:
    """The first of each group may lead in one and the same term: both are written to, with their groups."""
    for key, group in enumerate((first, second)):
        stage.wire.holds = _beyond(group)
        await stage.ask(group[0], "write", 5, key=key)
    await stage.ask(second[0], "read", key=0)
    stage.wire.mend()


def _beyond(group: Sequence[str]) -> Chosen:
    """What is not between two of a group."""
    return lambda packet: packet.source not in group or packet.to not in group


def _asks(packet: Packet, candidate: str, voter: str, *, pre: bool) -> bool:
    message = packet.message
    return (
        isinstance(message, VoteRequest)
        and message.pre is pre
        and (packet.source, packet.to) == (candidate, voter)
    )


def _grants(packet: Packet, voter: str, candidate: str, *, pre: bool) -> bool:
    message = packet.message
    return (
        isinstance(message, VoteReply)
        and message.granted
        and message.pre is pre
        and (packet.source, packet.to) == (voter, candidate)
    )


def _last(stage: Agents, chosen: Chosen) -> Packet:
    """The last one that is held, which stays so."""
    return [packet for packet in stage.wire.held if chosen(packet)][-1]
