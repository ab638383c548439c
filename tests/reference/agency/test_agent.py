from __future__ import annotations

import asyncio
from random import Random

import msgspec
import pytest

from reference.agency.agent import LostLeadership, NotLeading, member_name
from reference.agency.log import Log
from reference.agency_server import AgencyServer
from reference.raft import Entry, HardState, Persist
from reference.storage.corruption import CorruptStorage
from tests.reference.agency.inprocess import Agency, Machine
from tests.reference.storage.memory_disk import MemoryDisk


def server(machine: Machine) -> AgencyServer:
    assert machine.server is not None
    return machine.server


async def test_writes_that_wait_share_a_sync() -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        before = leader.disk.syncs
        bodies = [[[{f"/{number}": 1}]] for number in range(100)]
        answers = await agency.do(
            asyncio.gather(*(leader.ask("POST", "/_api/agency/write", body) for body in bodies))
        )
        assert {answer.status for answer in answers} == {200}
        assert leader.disk.syncs - before <= 5


async def test_nothing_is_acknowledged_before_a_majority_has_it_on_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        release = asyncio.Event()
        sync = Log.sync

        async def slow(log: Log) -> None:
            await release.wait()
            await sync(log)

        monkeypatch.setattr(Log, "sync", slow)
        write = asyncio.ensure_future(leader.ask("POST", "/_api/agency/write", [[{"/a": 1}]]))
        await agency.passes(0.1)
        assert not write.done()
        release.set()
        assert (await agency.do(write)).status == 200


async def test_one_agent_with_a_hanging_disk_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        hanging = agency.others(leader)[0]
        sync = Log.sync

        async def hang(log: Log) -> None:
            if log._disk is hanging.disk:
                await asyncio.Event().wait()
            await sync(log)

        monkeypatch.setattr(Log, "sync", hang)
        for number in range(5):
            answer = await agency.do(
                leader.ask("POST", "/_api/agency/write", [[{"/a": number}]]), within_s=0.15
            )
            assert answer.status == 200


async def test_an_agent_cut_off_delays_nobody() -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        away = agency.others(leader)[0]
        agency.wires.isolate(away.endpoint, *(other.endpoint for other in agency.others(away)))
        for number in range(20):
            answer = await agency.do(
                leader.ask("POST", "/_api/agency/write", [[{"/a": number}]]), within_s=0.1
            )
            assert answer.status == 200


async def test_a_failing_disk_ends_the_agent() -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        leader.disk.sync_error = OSError(5, "Input/output error")
        with pytest.raises(AssertionError, match="not done"):
            await agency.do(leader.ask("POST", "/_api/agency/write", [[{"/a": 1}]]), within_s=0.5)
        assert any(level == "fatal" and "promises" in sentence for _, level, sentence in agency.told)
        assert (await leader.ask("POST", "/_api/agency/read", [["/a"]])).status == 503
        leader.disk.sync_error = None
        agency.wires.handlers.pop(leader.endpoint)
        others = agency.others(leader)
        assert await agency.leader(others) in others


async def test_a_stopped_agent_leaves_no_write_waiting() -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        agency.wires.isolate(leader.endpoint, *(other.endpoint for other in agency.others(leader)))
        agent = server(leader)._agent
        assert agent is not None
        write = asyncio.ensure_future(agent.write([[{"/a": 1}]]))
        await agency.passes(0.02)
        assert not write.done()
        await leader.kill()
        with pytest.raises(LostLeadership):
            await write


async def test_an_isolated_leader_reads_nothing() -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        agency.wires.isolate(leader.endpoint, *(other.endpoint for other in agency.others(leader)))
        agent = server(leader)._agent
        assert agent is not None
        assert agent.leads
        with pytest.raises(NotLeading):
            await agency.do(agent.readable())


async def test_all_agents_apply_the_same_in_the_same_order() -> None:
    async with Agency(3, "--agency.compaction-step-size=7", "--agency.compaction-keep-size=3") as agency:
        client = agency.client()
        for number in range(30):
            operation = {"op": "set", "new": number, "ttl": 0.1 * (number % 3 + 1)}
            await agency.do(client.write({f"/t/{number}": operation, "/l": {"op": "push", "new": number}}))
        await agency.passes(1)
        saved = {server(machine)._agent.store.save() for machine in agency.machines}  # type: ignore[union-attr]  # running
        assert len(saved) == 1
        assert msgspec.json.decode(saved.pop())["root"] == {"t": {}, "l": list(range(30))}


async def test_power_loss_of_all_keeps_what_was_acknowledged() -> None:
    for seed in range(5):
        async with Agency(
            3, "--agency.compaction-step-size=10", "--agency.compaction-keep-size=3", seed=seed
        ) as agency:
            client = agency.client()
            for number in range(25 + seed):
                await agency.do(client.write({f"/kept/{number}": number}))
            for machine in agency.machines:
                await machine.kill()
            for machine in agency.machines:
                await machine.start()
            found = await agency.do(client.read("/kept"))
            assert found == {"kept": {str(number): number for number in range(25 + seed)}}


async def test_an_agent_with_a_damaged_log_refuses_to_start() -> None:
    async with Agency() as agency:
        client = agency.client()
        for number in range(5):
            await agency.do(client.write({"/a": number}))
        victim = agency.others(await agency.leader())[0]
        await victim.kill()
        victim.disk.files["agency/log"].data[20] ^= 1
        with pytest.raises(CorruptStorage, match="forgets its votes"):
            await victim.start()
        victim.server = None
        assert await agency.do(client.write({"/a": 6}))


async def test_a_log_with_a_hole_is_refused() -> None:
    disk = MemoryDisk()
    log, _, _ = await Log.open(disk)
    log.append(Persist(HardState(1, "a"), entries=(Entry(1, 1, b"x"), Entry(3, 1, b"x"))))
    await log.sync()
    with pytest.raises(CorruptStorage, match="hole"):
        await Log.open(disk.power_loss(Random(1)))


def test_members_have_the_same_names_everywhere() -> None:
    assert member_name("tcp://a:1") == member_name("tcp://a:1")
    assert member_name("tcp://a:1") != member_name("tcp://a:2")
    assert member_name("tcp://a:1").startswith("AGNT-")
