"""What the agency acknowledges and shows: witnesses of defects of its leader, and of what agents store."""

from __future__ import annotations

import asyncio

from reference.raft.messages import AppendRequest
from tests.defects.agents import Agents, agency
from tests.defects.wire import Packet, carries_entries

_COMPACTING = ("--agency.compaction-step-size", "5", "--agency.compaction-keep-size", "0")


def _is_heartbeat(packet: Packet) -> bool:
    return isinstance(packet.message, AppendRequest) and not packet.message.entries


@agency()
async def acknowledged_before_majority(stage: Agents) -> None:
    """A leader that reaches nobody takes a write; the others elect another."""
    stage.wire.isolate("n1")
    await stage.ask("n1", "write", 1)
    await stage.elect("n2")
    await stage.look("n2")


@agency()
async def read_without_quorum(stage: Agents) -> None:
    """A leader that was replaced without knowing it is read."""
    await stage.make_patient("n1")
    stage.wire.isolate("n1")
    await stage.elect("n2")
    await stage.write("n2", 1)
    assert await stage.is_("n1", "leader")
    await stage.ask("n1", "read")


@agency()
async def read_before_own_entry(stage: Agents) -> None:
    """A new leader that does not know yet that the last write is committed; it can send heartbeats only."""
    stage.wire.holds = _is_heartbeat
    await stage.write("n1", 1)
    stage.kill("n1")
    stage.wire.holds = carries_entries
    await stage.elect("n2")
    await stage.ask("n2", "read")
    stage.wire.mend()
    await stage.look("n2")


@agency()
async def answered_before_stored(stage: Agents) -> None:
    """The follower that made a write's majority, with a slow disk, loses its power; the leader dies."""
    stage.wire.isolate("n3")
    await stage.environment.disks.fault("n2", "slow")
    stage.sync_late("n2")
    await stage.write("n1", 1)
    stage.lose_power("n2")
    stage.kill("n1")
    stage.wire.mend()
    await stage.environment.disks.heal("n2")
    await stage.start("n2")
    await stage.elect("n2")
    await stage.look("n2")


@agency(agents=5)
async def half_is_a_majority(stage: Agents) -> None:
    """Two of five are cut off, and one of them stands for election."""
    stage.wire.isolate("n4", "n5")
    stage.wire.candidate = "n4"
    await stage.happens(lambda: stage.is_("n4", "leader"), 3)
    await stage.write("n1", 1)
    await stage.ask("n4", "read")
    stage.wire.mend()
    await stage.look("n1")


@agency()
async def old_term_stops_commits(stage: Agents) -> None:
    """A leader finds an entry of an earlier term in its log that was never committed."""
    stage.wire.isolate("n3")
    stage.wire.holds = lambda packet: packet.to == "n1"
    writing = asyncio.create_task(stage.ask("n1", "write", 1))
    await asyncio.sleep(0.05)
    stage.kill("n1")
    await writing
    stage.wire.mend()
    await stage.elect("n2")
    await _demand_progress(stage, "the only agent that is down was its leader")


@agency(*_COMPACTING)
async def hole_after_compaction(stage: Agents) -> None:
    """Many writes, and a restart of all agents."""
    for number in range(3):
        await asyncio.gather(*(stage.ask("n1", "write", number, key=key) for key in range(4)))
    stage.kill(*stage.agents)
    for node in stage.agents:
        await stage.boot_agent(node)
    await _demand_progress(stage, "all agents have been started again")


async def _demand_progress(stage: Agents, why: str) -> None:
    async def takes_a_write() -> bool:
        return (await stage.ask("n2", "write", 1000 + stage.world.loop.now_ns, key=9)).type == "ok"

    stage.demand(
        await stage.happens(takes_a_write, 10),
        *("CL-AGENCY-RAFT", "no-progress", f"the agency takes no write for 10 s, though {why}"),
    )
