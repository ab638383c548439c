"""How agents' logs become one: witnesses of defects of the log and of what is committed in it."""

from __future__ import annotations

import asyncio

from checkers.history import Op
from harness.databases.arango_http.failover_deployment import AGENT_PORT
from harness.environment import TransportError
from reference.raft.messages import AppendRequest, SnapshotRequest
from tests.defects.agents import Agents, agency
from tests.defects.wire import Packet, carries_entries

_PAUSE_S = 0.5
"""So long after something happened every agent that is not cut off knows."""
_COMPACTING = ("--agency.compaction-step-size", "5", "--agency.compaction-keep-size", "0")


async def _alone(stage: Agents, count: int) -> None:
    """Writes that n1 takes into its log, with nobody but those who are cut off with it."""
    await asyncio.gather(*(stage.ask("n1", "write", 1, key=key) for key in range(1, count + 1)))


@agency()
async def committed_past_agreement(stage: Agents) -> None:
    """A deposed leader hears a heartbeat before it hears what replaces its entries; later it leads again."""
    stage.wire.isolate("n1")
    await _alone(stage, 2)
    await stage.elect("n2")
    await stage.write("n2", 5)
    stage.wire.mend()
    stage.wire.candidate = "n2"
    stage.wire.holds = lambda packet: carries_entries(packet) and packet.to == "n1"
    await asyncio.sleep(_PAUSE_S)
    stage.wire.holds = lambda _: False
    await asyncio.sleep(_PAUSE_S)
    stage.kill("n2")
    await stage.elect("n1")
    await stage.look("n1")


@agency()
async def late_entries_cut(stage: Agents) -> None:
    """A message with old entries arrives once more, behind newer ones; then the leader dies."""
    stage.wire.isolate("n3")
    await stage.write("n1", 1)
    old = stage.wire.passing(lambda packet: carries_entries(packet) and packet.to == "n2")[-1]
    await stage.write("n1", 2, key=1)
    await stage.wire.deliver(old)
    stage.kill("n1")
    stage.wire.mend()
    await stage.elect("n2")
    await stage.look("n2", key=1)


@agency()
async def previous_entry_not_compared(stage: Agents) -> None:
    """The entries that a leader sends come behind one that this agent has otherwise; later it leads."""
    stage.wire.isolate("n1")
    await _alone(stage, 2)
    await stage.elect("n2")
    await stage.write("n2", 5)
    stage.kill("n2")
    await stage.start("n2")
    await stage.elect("n2")
    stage.wire.mend()
    stage.wire.candidate = "n2"
    await asyncio.sleep(_PAUSE_S)
    stage.kill("n2")
    await stage.elect("n1")
    await stage.look("n1")


@agency(agents=5)
async def conflicting_suffix_kept(stage: Agents) -> None:
    """Three entries of a deposed leader meet one of the new one; another of the old majority stands."""
    stage.wire.isolate("n1", "n2")
    await _alone(stage, 3)
    stage.wire.holds = lambda packet: isinstance(packet.message, AppendRequest) and packet.to == "n4"
    await stage.elect("n3")
    stage.wire.mend()
    stage.wire.isolate("n2")
    stage.wire.candidate = "n3"
    stage.wire.holds = lambda packet: isinstance(packet.message, AppendRequest) and packet.to == "n4"
    await stage.write("n3", 5)
    await asyncio.sleep(_PAUSE_S)
    stage.kill("n3", "n5")
    stage.wire.mend()
    stage.wire.candidate = "n2"
    await stage.happens(lambda: stage.is_("n2", "leader"), 3)
    stage.wire.candidate = None
    await stage.look("n2")


@agency(*_COMPACTING)
async def appended_again_after_snapshot(stage: Agents) -> None:
    """Entries from the beginning of the log arrive once more, when a snapshot covers them."""
    for number in range(12):
        await stage.write("n1", number)
    stage.wire.isolate("n3")
    await asyncio.sleep(_PAUSE_S)
    beginning = stage.wire.passing(
        lambda packet: (
            isinstance(packet.message, AppendRequest)
            and packet.to == "n2"
            and packet.message.prev_index == 0
            and bool(packet.message.entries)
        )
    )[0]
    await stage.wire.deliver(beginning)
    await asyncio.sleep(0.02)
    await stage.write("n1", 5, key=1)
    stage.kill("n1")
    stage.wire.mend()
    await stage.elect("n2")
    await stage.look("n2", key=1)


@agency(agents=5)
async def old_term_committed_by_counting(stage: Agents) -> None:
    """Figure 8: an entry of an earlier term is on a majority, and is replaced nevertheless."""
    await stage.write("n1", 1)
    await asyncio.sleep(_PAUSE_S)
    await _long_entry_for_two(stage)
    stage.wire.holds = carries_entries
    await stage.elect("n5")
    stage.kill("n5")
    await asyncio.gather(stage.start("n1"), stage.start("n2"))
    stage.wire.holds = lambda packet: _is_of_its_term(packet) or {packet.source, packet.to} == {"n1", "n4"}
    await stage.elect("n1")
    await asyncio.sleep(_PAUSE_S)
    stage.kill("n1")
    stage.wire.mend()
    await stage.start("n5")
    await stage.elect("n5")
    assert (await stage.ask("n5", "cas", [1, 7])).type == "ok", "it was never committed that it is 5"
    await asyncio.sleep(_PAUSE_S)
    stage.kill("n5")
    await stage.elect("n3")
    await stage.look("n3")


def _is_of_its_term(packet: Packet) -> bool:
    message = packet.message
    return isinstance(message, AppendRequest) and any(it.term == message.term for it in message.entries)


async def _long_entry_for_two(stage: Agents) -> None:
    """A compare-and-set of 1 by 5, so long that it travels alone; n1 and n2 get it, and die."""
    stage.wire.isolate("n1", "n2")
    process = stage.process_at("n1")
    stage.record(Op(0, 0, process, "invoke", "cas", [1, 5], 0))
    halves = [f"/pestle/register-0/{half}" for half in ("left", "right")]
    write = [{**dict.fromkeys(halves, 5), "/ballast": "x" * (1 << 20)}, {half: {"old": 1} for half in halves}]

    async def send() -> None:
        try:
            await stage.request("n1", AGENT_PORT, "POST", "/_api/agency/write", [write])
        except TransportError:
            return

    sending = asyncio.create_task(send())
    await asyncio.sleep(0.1)
    stage.kill("n1", "n2")
    await sending
    stage.record(Op(0, 0, process, "info", "cas", [1, 5], 0))
    stage.wire.mend()


@agency(*_COMPACTING)
async def commit_goes_back(stage: Agents) -> None:
    """A heartbeat and a snapshot of long ago arrive late, behind a write that made them a majority."""
    stage.wire.isolate("n2")
    await _many(stage)
    stage.wire.mend()
    await stage.until(lambda: _has_caught_up(stage, "n2"), "n2 gets a snapshot")
    late = [
        next(packet for packet in stage.wire.sent if chosen(packet))
        for chosen in (_is_old_heartbeat, _is_snapshot)
    ]
    await _many(stage)
    await asyncio.sleep(_PAUSE_S)
    stage.wire.isolate("n3")
    await stage.write("n1", 5, key=1)
    await stage.wire.deliver(*late)
    await asyncio.sleep(0.02)
    stage.kill("n1")
    stage.wire.mend()
    stage.wire.candidate = "n3"
    await stage.happens(lambda: stage.is_("n3", "leader"), 3)
    stage.wire.candidate = None
    await stage.look("n3", key=1)


async def _many(stage: Agents) -> None:
    """So many writes that the log is compacted."""
    for _ in range(12):
        await stage.write("n1", stage.world.loop.now_ns)


async def _has_caught_up(stage: Agents, node: str) -> bool:
    return bool((await stage.config(node))["commitIndex"] == (await stage.config("n1"))["commitIndex"])


def _is_old_heartbeat(packet: Packet) -> bool:
    message = packet.message
    return isinstance(message, AppendRequest) and packet.to == "n2" and 0 < message.commit < 5


def _is_snapshot(packet: Packet) -> bool:
    return isinstance(packet.message, SnapshotRequest) and packet.to == "n2"
