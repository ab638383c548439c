from __future__ import annotations

import pytest

from reference.agency.client import AgencyOutcomeUnknown, AgencyRefused, AgencyUnavailable, value_at
from reference.world import Request
from tests.reference.agency.inprocess import Agency


def is_write(request: Request) -> bool:
    return request.target == "/_api/agency/write"


async def test_a_client_finds_the_leader_and_stays_there() -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        for name in "abcdef":  # each begins with an agent of its own choice
            client = agency.client(name)
            assert await agency.do(client.write({"/a": name}))
            assert client.target == leader.endpoint
        tree = await agency.do(agency.client().read("/a", "/b"))
        assert tree == {"a": "f"}


async def test_a_failed_precondition_is_none_and_not_an_error() -> None:
    async with Agency() as agency:
        client = agency.client()
        assert await agency.do(client.write({"/a": 1}, {"/a": {"oldEmpty": True}})) == 1
        assert await agency.do(client.write({"/a": 2}, {"/a": {"oldEmpty": True}})) is None
        assert await agency.do(client.transact([["/a"], [{"/a": 3}, {"/a": 2}]])) == [{"a": 1}, 0]


async def test_a_client_goes_on_with_the_next_leader() -> None:
    async with Agency() as agency:
        client = agency.client()
        await agency.do(client.write({"/a": 1}))
        await (await agency.leader()).kill()
        assert await agency.do(client.write({"/b": 2}), within_s=10)
        assert await agency.do(client.read("/a", "/b")) == {"a": 1, "b": 2}


async def test_a_write_whose_answer_is_lost_is_found_and_not_repeated() -> None:
    async with Agency() as agency:
        client = agency.client()
        await agency.do(client.read("/a"))  # now it knows the leader
        agency.wires.lose_answers_of = is_write
        assert await agency.do(client.write({"/a": {"op": "increment"}})) == 1
        agency.wires.lose_answers_of = lambda _: False
        assert await agency.do(client.read("/a")) == {"a": 1}


async def test_a_refused_write_whose_answer_is_lost_stays_unknown() -> None:
    async with Agency() as agency:
        client = agency.client()
        await agency.do(client.read("/a"))  # now it knows the leader
        agency.wires.lose_answers_of = is_write
        with pytest.raises(AgencyOutcomeUnknown):
            await agency.do(client.write({"/a": 1}, {"/a": 7}))


async def test_nobody_there_means_that_nothing_happened() -> None:
    async with Agency() as agency:
        client = agency.client()
        await agency.do(client.write({"/a": 1}))
        for machine in agency.machines:
            await machine.kill()
        with pytest.raises(AgencyUnavailable):
            await agency.do(client.write({"/a": 2}, timeout_s=2))
        with pytest.raises(AgencyUnavailable):
            await agency.do(client.read("/a", timeout_s=2))
        for machine in agency.machines:
            await machine.start()
        assert await agency.do(client.read("/a")) == {"a": 1}


async def test_a_leader_that_loses_its_majority_leaves_the_outcome_unknown() -> None:
    async with Agency() as agency:
        leader = await agency.leader()
        client = agency.client()
        await agency.do(client.write({"/a": 1}))
        agency.wires.isolate(leader.endpoint, *(other.endpoint for other in agency.others(leader)))
        agency.wires.isolate("client", *(other.endpoint for other in agency.others(leader)))
        with pytest.raises(AgencyOutcomeUnknown):
            await agency.do(client.write({"/a": 2}, timeout_s=3))
        # The others have agreed on something else meanwhile, so it has not happened and never will.
        assert await agency.do(agency.client("elsewhere").read("/a")) == {"a": 1}
        agency.wires.cut.clear()
        await agency.passes(2)
        assert await agency.do(agency.client("elsewhere").read("/a")) == {"a": 1}


async def test_what_the_agency_does_not_understand_is_an_error_at_once() -> None:
    async with Agency() as agency:
        with pytest.raises(AgencyRefused, match="no operation"):
            await agency.do(agency.client().write({"/a": {"op": "burn"}}))


async def test_transient_values_go_with_their_leader() -> None:
    async with Agency() as agency:
        client = agency.client()
        assert await agency.do(client.transient([[{"/a": 1}], ["/a"]])) == [1, {"a": 1}]
        await (await agency.leader()).kill()
        assert await agency.do(client.transient([["/a"]])) == [{}]


def test_a_value_is_looked_up_by_its_path() -> None:
    tree = {"arango": {"Plan": {"Version": 0, "Leader": None}}}
    assert value_at(tree, "/arango/Plan/Version", 7) == 0
    assert value_at(tree, "/arango/Plan/Leader", 7) is None
    assert value_at(tree, "/arango/Plan/Version/x", 7) == 7
    assert value_at(tree, "/arango/x") is None
