"""Trials: in which order their operations come, which are left out, and what the client makes of answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
import pytest

from checkers.history import History, Op
from tests.workloads.running import finish
from workloads.generator import Generator, limit
from workloads.generator.simulate import simulate
from workloads.protocol.outcome import Fail, Info, Ok, Outcome, RequestError
from workloads.trials import TrialClient, trials
from workloads.trials.script import Step, never, script

MS = 1_000_000
LATENCY = 50 * MS
Answers = Mapping[str, tuple[str, Any]]
"""By `f`: how it ends, and with which value besides."""


def play(source: Generator, answers: Answers | None = None, threads: int = 1) -> History:
    """What is asked for if everything ends as told; what is not told ends well."""

    def complete(op: Op, random: Random) -> Op:
        kind, more = (answers or {}).get(op.f, ("ok", {}))
        value = {**op.value, **more} if kind == "ok" else op.value
        return msgspec.structs.replace(op, time=op.time + LATENCY, type=kind, value=value)

    return History(simulate(source, complete, threads=threads))


def asked(history: History) -> list[str]:
    return [op.f for op in history if op.type == "invoke"]


def step(f: str, **more: Any) -> Step:
    return Step(f, {"server": 0}, **more)


def test_steps_come_one_after_the_other() -> None:
    history = play(script([step("open"), step("fill"), step("close")], 1), threads=3)
    assert asked(history) == ["open", "fill", "close"]
    assert [op.type for op in history] == ["invoke", "ok"] * 3


def test_a_step_that_fails_ends_the_trial_but_for_its_last_steps() -> None:
    steps = [step("open"), step("fill"), step("follow"), step("state"), step("close")]
    assert asked(play(script(steps, 2), {"open": ("fail", {})})) == ["open", "state", "close"]


def test_a_step_that_is_not_needed_may_fail() -> None:
    steps = [step("open"), step("follow", needed=False), step("fill"), step("close")]
    assert asked(play(script(steps, 1), {"follow": ("fail", {})})) == ["open", "follow", "fill", "close"]


def test_looking_is_repeated_with_pauses_until_it_shows_what_is_awaited() -> None:
    history = play(script([step("state", attempts=3, pause_s=0.5, done=never), step("close")], 1))
    assert asked(history) == ["state", "state", "state", "close"]
    times = [op.time for op in history if op.type == "invoke"]
    assert times[1] - times[0] == times[2] - times[1] == 550 * MS


def test_a_command_that_may_still_take_effect_is_not_repeated() -> None:
    steps = [step("sync", attempts=3), step("start"), step("close")]
    assert asked(play(script(steps, 1), {"sync": ("info", {})})) == ["sync", "close"]
    assert asked(play(script(steps, 1), {"sync": ("fail", {})})) == ["sync", "sync", "sync", "close"]
    looks = [step("look", attempts=2), step("close")]
    assert asked(play(script(looks, 1), {"look": ("info", {})})) == ["look", "look", "close"]


def test_what_an_answer_has_told_goes_into_a_later_step() -> None:
    steps = [step("sync"), step("start", recalls=("from", "sync", "tick")), step("close")]
    history = play(script(steps, 1), {"sync": ("ok", {"tick": 42})})
    assert [op.value for op in history if op.f == "start"] == [{"server": 0, "from": 42}] * 2


def test_a_step_for_which_nothing_was_told_is_left_out() -> None:
    steps = [step("tick"), step("state", recalls=("target", "tick", "tick")), step("close")]
    assert asked(play(script(steps, 2), {"tick": ("fail", {})})) == ["tick", "close"]


OPEN_ENDED: Answers = {
    "tick": ("ok", {"tick": 5, "uptime_s": 9.0}),
    "state": ("ok", {"running": True, "applied": 5, "uptime_s": 9.0}),
    "sync": ("ok", {"tick": 4}),
    "pin": ("ok", {"snapshot": "12"}),
}


def kinds(servers: int, threads: int, seed: int = 0) -> Counter[str]:
    history = play(limit(4000, trials(seed, servers, threads)), OPEN_ENDED, threads)
    return Counter({op.key: op.value["kind"] for op in history if op.f == "open"}.values())


def test_with_three_servers_everything_is_tried() -> None:
    assert set(kinds(3, 4)) == {
        *("scope", "conflict", "itself", "stranger", "retries", "handover", "snapshot", "secret"),
        *("set_up", "halfway", "unsynced"),
    }
    assert set(kinds(3, 1)) == set(kinds(3, 4))


def test_another_leader_takes_a_third_server() -> None:
    assert set(kinds(2, 4)) == set(kinds(3, 4)) - {"stranger"}


def test_a_single_server_is_asked_for_what_it_can_do_alone() -> None:
    assert set(kinds(1, 2)) == {"itself", "snapshot"}
    history = play(limit(200, trials(0, 1, 2)), OPEN_ENDED, 2)
    assert {op.value["server"] for op in history} == {0}


def test_a_seed_has_the_same_trials_again() -> None:
    assert kinds(3, 4, seed=1) == kinds(3, 4, seed=1)
    assert kinds(3, 4, seed=1) != kinds(3, 4, seed=2)


def test_every_trial_closes_what_it_opens() -> None:
    history = play(limit(4000, trials(0, 3, 2)), OPEN_ENDED, 2)
    # The last trial of each thread, one with even numbers and one with odd, is still under way.
    under_way = {max(int(op.key or 0) for op in history if int(op.key or 0) % 2 == odd) for odd in (0, 1)}
    for key in {op.key for op in history} - under_way:
        own = [op.value for op in history if op.key == key and op.type == "ok" and op.f in ("open", "close")]
        places = Counter((value["server"], value.get("elsewhere", False)) for value in own)
        assert set(places.values()) == {2}, own


class FakeSite:
    """Says what it was asked; `fails` are the names of calls that raise."""

    def __init__(self, calls: list[tuple[str, Any]], fails: Mapping[str, bool]) -> None:
        self._calls, self._fails = calls, fails

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **named: Any) -> Any:
            self._calls.append((name, (*arguments, *named.values())))
            if name in self._fails:
                raise RequestError("no", definite=self._fails[name])
            return {"synchronize": 42, "collections": ["_jobs", "c"], "revisions": {"a": "_1"}}.get(name)

        return call


class FakeAdministration:
    """One session on a leader and a follower."""

    leader, followers, nodes = "n1", ("n2",), ("n1", "n2")

    def __init__(self, **fails: bool) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.places: list[tuple[str, str]] = []
        self._fails = fails

    def within(self, node: str, database: str) -> Any:
        self.places.append((node, database))
        return FakeSite(self.calls, self._fails)

    def endpoint(self, node: str) -> str:
        return f"tcp://{node}:8529"

    def on(self, node: str) -> Any:
        raise NotImplementedError(node)

    async def close(self) -> None:
        pass


def do(session: FakeAdministration, f: str, server: int = 0, **value: Any) -> Outcome:
    op = Op(0, 0, 0, "invoke", f, {"server": server, **value}, key=7)
    outcome: Outcome = finish(TrialClient(session).invoke(op))
    return outcome


FILL: dict[str, Any] = {"collections": {"c": ["a"]}, "new": ["c"], "durable": True}


def test_each_trial_has_databases_of_its_own() -> None:
    session = FakeAdministration()
    assert do(session, "open") == Ok(node="n1")
    assert do(session, "open", server=1) == Ok(node="n2")
    assert do(session, "fill", elsewhere=True, **FILL) == Ok(node="n1")
    assert session.places == [("n1", "trial_7"), ("n2", "trial_7"), ("n1", "elsewhere_7")]


@pytest.mark.parametrize(
    ("fails", "outcome"),
    [
        ({"create_collection": True}, Fail("no", "n1")),
        ({"create_collection": False}, Info("no", "n1")),
        ({"write": True}, Info("no", "n1")),
        ({"write": False}, Info("no", "n1")),
    ],
)
def test_what_was_done_in_part_is_unknown(fails: dict[str, bool], outcome: Outcome) -> None:
    assert do(FakeAdministration(**fails), "fill", **FILL) == outcome


def test_a_set_up_names_its_leader_or_a_place_where_nobody_listens() -> None:
    session = FakeAdministration()
    assert do(session, "sync", 1, leader=0, configuration={}) == Ok(
        {"server": 1, "leader": 0, "configuration": {}, "tick": 42}, "n2"
    )
    do(session, "configure", 1, leader=None, configuration={})
    assert session.calls == [("synchronize", ("tcp://n1:8529", {})), ("configure", ("tcp://n1:1", {}))]


def test_a_command_that_was_not_answered_is_unknown_and_a_look_has_failed() -> None:
    assert do(FakeAdministration(follow=False), "follow", 1, leader=0, configuration={}) == Info("no", "n2")
    assert do(FakeAdministration(stop=True), "stop", 1) == Fail("no", "n2")
    assert do(FakeAdministration(revisions=False), "look", 1, collections=["c"]) == Fail("no", "n2")


def test_a_look_shows_what_there_is_of_what_is_wanted() -> None:
    seen = do(FakeAdministration(), "look", 1, collections=["c", "d"])
    assert isinstance(seen, Ok)
    assert seen.value["names"] == ["c"]
    assert seen.value["documents"] == {"c": {"a": "_1"}}


def test_an_operation_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no operation 'dance'"):
        do(FakeAdministration(), "dance")
