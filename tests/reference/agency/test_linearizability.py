"""CL-AGENCY-RAFT: registers in the tree, read, written, and compared and set, while agents die and lose each
other."""

from __future__ import annotations

import asyncio
from random import Random

import msgspec
import pytest

from checkers.history import History, Op
from checkers.linearizability import Linearizable
from checkers.models import model
from checkers.verdict import Limits, Verdict
from reference.agency.agent import Agent
from reference.agency.client import AgencyClient, AgencyOutcomeUnknown, AgencyUnavailable, value_at
from reference.agency.tree import path_of
from reference.api import answer
from reference.api.agency import AgencyApi
from reference.raft import Accepted, Effect
from reference.world import Request, Response
from tests.reference.agency.inprocess import Agency

_CLIENTS = 5


class Recorder:
    """Clients of registers, and what they saw."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.ops: list[Op] = []
        self._processes = iter(range(1_000_000))
        self._values = iter(range(1, 1_000_000))

    def note(self, process: int, kind: str, f: str, value: object, key: str) -> None:
        time = self.agency.clock.monotonic_ns()
        self.ops.append(Op(len(self.ops), time, process, kind, f, value, key))  # type: ignore[arg-type]  # a literal

    async def client(self, number: int) -> None:
        """Do one thing after the other for ever; who does not know an outcome never acts again."""
        agency, process = self.agency, next(self._processes)
        client = agency.client(f"client{number}", timeout_s=1.0, attempt_s=0.3)
        random = Random(agency.seed * 1000 + number)
        while True:
            key, f = random.choice("ab"), random.choice(("read", "read", "write", "cas"))
            value = None if f == "read" else next(self._values)
            old = random.randint(max(1, (value or 1) - 6), value or 1)
            asked = [old, value] if f == "cas" else value
            self.note(process, "invoke", f, asked, key)
            kind, seen = await self._do(client, f, key, asked)
            self.note(process, kind, f, seen, key)
            if kind == "info":
                process = next(self._processes)
            await agency.clock.sleep(random.random() * 0.05)

    async def _do(self, client: AgencyClient, f: str, key: str, asked: object) -> tuple[str, object]:
        path = f"/r/{key}"
        try:
            if f == "read":
                return "ok", value_at(await client.read(path), path)
            new, conditions = asked, {}
            if isinstance(asked, list):
                conditions, new = {path: {"old": asked[0]}}, asked[1]
            happened = await client.write({path: new}, conditions)
        except AgencyUnavailable:
            return "fail", asked
        except AgencyOutcomeUnknown:
            return "info", asked
        return ("fail" if happened is None else "ok"), asked

    def verdict(self) -> Verdict:
        return Linearizable(model("cas-register")).check(History(self.ops), Limits(time_s=60))


async def torment(agency: Agency, seconds: float) -> None:
    """Isolate agents from each other (not from clients), kill them with loss of power, bring them back."""
    random = Random(agency.seed)
    end_ns = agency.clock.monotonic_ns() + int(seconds * 1e9)
    while agency.clock.monotonic_ns() < end_ns:
        victim = random.choice(agency.machines)
        if random.random() < 0.5:
            agency.wires.isolate(victim.endpoint, *(other.endpoint for other in agency.others(victim)))
        else:
            await victim.kill()
        await agency.passes(random.uniform(0.2, 1.5))
        agency.wires.cut.clear()
        if victim.server is None:
            await victim.start()
        await agency.passes(random.uniform(0.1, 1.0))


async def run(seed: int, seconds: float) -> Recorder:
    async with Agency(
        3, "--agency.compaction-step-size=50", "--agency.compaction-keep-size=10", seed=seed
    ) as agency:
        recorder = Recorder(agency)
        clients = [asyncio.create_task(recorder.client(number)) for number in range(_CLIENTS)]
        await torment(agency, seconds)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        return recorder


@pytest.mark.parametrize("seed", range(4))
async def test_registers_stay_linearizable_while_agents_die_and_lose_each_other(seed: int) -> None:
    recorder = await run(seed, 12)
    assert recorder.verdict().valid is True, recorder.verdict().anomalies
    ok = [op for op in recorder.ops if op.type == "ok"]
    assert len(ok) > 200
    assert {op.f for op in ok} == {"read", "write", "cas"}


async def _read_anywhere(api: AgencyApi, request: Request) -> Response:
    """Serve a read from what happens to be here."""
    if request.target != "/_api/agency/read":
        return await _handle(api, request)
    tree = api._agent.store.tree
    return answer.plain(
        [tree.read([path_of(path) for path in paths]) for paths in msgspec.json.decode(request.body)]
    )


def _answer_early(agent: Agent, effect: Effect) -> None:
    """Acknowledge a write as soon as it stands in the leader's own log."""
    if isinstance(effect, Accepted) and effect.id in agent._proposed:
        agent._proposed.pop(effect.id).set_result([1])
    else:
        _carry_out_one(agent, effect)


_handle = AgencyApi.handle
_carry_out_one = Agent._carry_out_one


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [(AgencyApi, "handle", _read_anywhere), (Agent, "_carry_out_one", _answer_early)],
)
async def test_an_agent_that_breaks_the_rules_is_caught(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, broken: object
) -> None:
    monkeypatch.setattr(owner, name, broken)
    for seed in range(8):
        if (await run(seed, 8)).verdict().valid is False:
            return
    pytest.fail("nothing was found")
