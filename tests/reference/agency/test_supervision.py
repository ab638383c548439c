from __future__ import annotations

import itertools
from typing import Any

from reference.agency.agent import NotLeading
from reference.agency.supervision import Round, Status
from tests.reference.agency.inprocess import Agency

TIMES = (
    "--agency.supervision=true",
    "--agency.supervision-frequency=0.1",
    "--agency.supervision-ok-threshold=1",
    "--agency.supervision-grace-period=3",
)
SERVER = "SNGL-1"
_beats = itertools.count()


async def register(agency: Agency) -> None:
    record = {"endpoint": "tcp://server:1", "host": "h"}
    await agency.do(agency.client().write({f"/arango/Current/ServersRegistered/{SERVER}": record}))


async def beat(agency: Agency, time: Any = None) -> None:
    state = {"time": next(_beats) if time is None else time, "status": "SERVING"}
    await agency.do(agency.client().transient([[{f"/arango/Sync/ServerStates/{SERVER}": state}]]))


async def health(agency: Agency) -> Any:
    tree = await agency.do(agency.client().read("/arango/Supervision/Health"))
    return tree.get("arango", {}).get("Supervision", {}).get("Health", {}).get(SERVER, {}).get("Status")


async def kept_alive(agency: Agency, seconds: float) -> None:
    for _ in range(round(seconds / 0.5)):
        await beat(agency)
        await agency.passes(0.5)


async def test_a_server_that_gives_signs_of_life_is_good() -> None:
    async with Agency(3, *TIMES) as agency:
        await register(agency)
        await kept_alive(agency, 5)
        assert await health(agency) == "GOOD"


async def test_a_silent_server_turns_bad_and_after_the_grace_period_failed() -> None:
    async with Agency(3, *TIMES) as agency:
        await register(agency)
        await kept_alive(agency, 2)
        await beat(agency)
        await agency.passes(0.8)
        assert await health(agency) == "GOOD"
        await agency.passes(0.5)
        assert await health(agency) == "BAD"
        await agency.passes(1.4)
        assert await health(agency) == "BAD"
        await agency.passes(0.8)
        assert await health(agency) == "FAILED"
        await beat(agency)
        await agency.passes(0.3)
        assert await health(agency) == "GOOD"


async def test_the_same_heartbeat_again_is_no_sign_of_life() -> None:
    async with Agency(3, *TIMES) as agency:
        await register(agency)
        for _ in range(8):
            await beat(agency, time="always the same")
            await agency.passes(0.5)
        assert await health(agency) == "FAILED"


async def test_a_new_supervision_gives_the_full_grace_period_again() -> None:
    async with Agency(3, *TIMES) as agency:
        await register(agency)
        await kept_alive(agency, 1)
        await agency.passes(2.5)
        assert await health(agency) == "BAD"
        await (await agency.leader()).kill()
        began_ns = agency.clock.monotonic_ns()
        await agency.leader()
        await agency.passes(2.0)
        assert await health(agency) == "BAD"
        while await health(agency) != "FAILED":
            await agency.passes(0.1)
        assert (agency.clock.monotonic_ns() - began_ns) / 1e9 >= 3.0


async def test_a_new_supervision_does_not_call_a_failed_server_good_unseen() -> None:
    async with Agency(3, *TIMES) as agency:
        await register(agency)
        await agency.passes(4)
        assert await health(agency) == "FAILED"
        await (await agency.leader()).kill()
        await agency.leader()
        for _ in range(40):
            await agency.passes(0.1)
            assert await health(agency) == "FAILED"


async def test_jobs_run_in_the_leader_only_and_stop_when_it_is_deposed() -> None:
    rounds: list[tuple[str, int]] = []

    async def note(this: Round) -> None:
        rounds.append((this.agent.options.my_address, this.term))

    async with Agency(3, *TIMES, jobs=(note,)) as agency:
        first = await agency.leader()
        await agency.passes(1)
        assert {endpoint for endpoint, _ in rounds} == {first.endpoint}
        others = agency.others(first)
        agency.wires.isolate(first.endpoint, *(other.endpoint for other in others))
        second = await agency.leader(others)
        await agency.passes(1)
        rounds.clear()
        await agency.passes(1)
        assert {endpoint for endpoint, _ in rounds} == {second.endpoint}
        assert len({term for _, term in rounds}) == 1


async def test_a_job_reads_the_tree_and_writes_under_preconditions() -> None:
    outcomes: list[int | None] = []

    async def promote(this: Round) -> None:
        if this.health.get(SERVER) is Status.FAILED and this.get("/arango/Leader") == SERVER:
            assert this.get_transient("/arango/x", "nothing") == "nothing"
            outcomes.append(await this.write({"/arango/Leader": "other"}, {"/arango/Leader": "stale"}))
            outcomes.append(await this.write({"/arango/Leader": "other"}, {"/arango/Leader": SERVER}))

    async with Agency(3, *TIMES, jobs=(promote,)) as agency:
        await register(agency)
        await agency.do(agency.client().write({"/arango/Leader": SERVER}))
        await agency.passes(5)
        assert await agency.do(agency.client().read("/arango/Leader")) == {"arango": {"Leader": "other"}}
        assert outcomes[0] is None
        assert outcomes[1]
        assert len(outcomes) == 2


async def test_a_job_of_an_earlier_term_writes_nothing() -> None:
    kept: list[Round] = []

    async def keep(this: Round) -> None:
        kept.append(this)

    async with Agency(3, *TIMES, jobs=(keep,)) as agency:
        first = await agency.leader()
        await agency.passes(0.5)
        old = kept[-1]
        others = agency.others(first)
        agency.wires.isolate(first.endpoint, *(other.endpoint for other in others))
        await agency.leader(others)
        agency.wires.cut.clear()
        await agency.passes(1)
        assert await _is_refused(agency, old)
        assert await agency.do(agency.client().read("/late")) == {}


async def _is_refused(agency: Agency, old: Round) -> bool:
    try:
        await agency.do(old.write({"/late": 1}))
    except NotLeading:
        return True
    return False


async def test_a_job_that_fails_costs_its_round_and_nothing_else() -> None:
    rounds: list[int] = []

    async def stumble(this: Round) -> None:
        raise KeyError(this.term)

    async def count(this: Round) -> None:
        rounds.append(this.term)

    async with Agency(3, *TIMES, jobs=(stumble, count)) as agency:
        leader = await agency.leader()
        await agency.passes(1)
        assert len(rounds) > 5
        assert await agency.leader() is leader
        assert any(level == "error" and "a job failed: KeyError" in says for _, level, says in agency.told)


async def test_without_supervision_nobody_judges() -> None:
    async with Agency(3) as agency:
        await register(agency)
        await agency.passes(1)
        assert await health(agency) is None
