"""The supervision's job: whom it names, and when it names nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from reference.agency.supervision import Round, Status
from reference.failover import keys
from reference.failover.job import ActiveFailover
from reference.world import World
from tests.reference.storage.memory_disk import ManualClock, memory_world

GRACE_S = 10.0
RECORD = {"holder": "a", "life": "1", "renewal": 7, "seconds": 8.0, "released": False}


class FakeRound:
    """One round: values by path, and the writes that were made."""

    def __init__(
        self, tree: Mapping[str, Any], positions: Mapping[str, Any], health: str, term: int = 1
    ) -> None:
        self.tree = tree
        self.positions = positions
        self.term = term
        self.health = {name: Status[word] for name, word in (pair.split(":") for pair in health.split())}
        self.writes: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []

    def get(self, path: str, default: Any = None) -> Any:
        return self.tree.get(path, default)

    def get_transient(self, path: str, default: Any = None) -> Any:
        return self.positions if path == keys.POSITIONS else default

    async def write(self, operations: Mapping[str, Any], preconditions: Mapping[str, Any]) -> int:
        self.writes.append((operations, preconditions))
        return len(self.writes)


def tree(leader: str = "a", record: Any = None, foxxmaster: str = "a") -> dict[str, Any]:
    return {
        keys.LEADER: leader,
        keys.LEASE: RECORD if record is None else record,
        keys.FOXXMASTER: foxxmaster,
    }


def position(leader: str, tick: int) -> dict[str, Any]:
    return {"leader": leader, "lastTick": tick}


class Scene:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.said: list[str] = []
        world: World = memory_world(clock=self.clock)
        self.job = ActiveFailover(world, GRACE_S, lambda level, text: self.said.append(text))

    async def round(self, this: FakeRound, *, after_s: float = 0.0) -> str | None:
        """Whom the job names, `after_s` seconds later."""
        self.clock.now_ns += int(after_s * 1e9)
        await self.job(cast("Round", this))
        return None if not this.writes else str(this.writes[-1][0][keys.LEADER]["new"])


async def test_ticks_are_compared_as_numbers() -> None:
    scene = Scene()
    this = FakeRound(tree(), {"b": position("a", 9), "c": position("a", 10)}, "a:FAILED b:GOOD c:GOOD")
    assert await scene.round(this) is None, "it has only just seen the lease"
    assert await scene.round(this, after_s=GRACE_S) == "c"
    operations, preconditions = this.writes[0]
    assert preconditions == {keys.LEADER: {"old": "a"}, keys.LEASE: {"old": RECORD}}
    assert operations[keys.LEASE]["new"]["holder"] == "c"


@pytest.mark.parametrize(
    ("positions", "health"),
    [
        ({"b": position("a", 9)}, "a:GOOD b:GOOD"),
        ({"b": position("a", 9)}, "a:BAD b:GOOD"),
        ({"b": position("a", 9)}, "a:FAILED b:BAD"),
        ({"b": position("other", 9)}, "a:FAILED b:GOOD"),
        ({"b": position("", 0)}, "a:FAILED b:GOOD"),
        ({"a": position("a", 9)}, "a:FAILED b:GOOD"),
        ({}, "a:FAILED b:GOOD"),
    ],
)
async def test_nobody_is_named(positions: dict[str, Any], health: str) -> None:
    scene = Scene()
    this = FakeRound(tree(), positions, health)
    await scene.round(this)
    assert await scene.round(this, after_s=100.0) is None


async def test_a_lease_longer_than_the_grace_period_is_waited_for() -> None:
    scene = Scene()
    long = {**RECORD, "seconds": 100.0}
    this = FakeRound(tree(record=long), {"b": position("a", 9)}, "a:FAILED b:GOOD")
    await scene.round(this)
    assert await scene.round(this, after_s=110.5) is None
    assert await scene.round(this, after_s=0.1) == "b"


async def test_a_renewal_begins_the_waiting_anew_and_so_does_another_supervision() -> None:
    scene = Scene()
    positions = {"b": position("a", 9)}
    health = "a:FAILED b:GOOD"
    await scene.round(FakeRound(tree(), positions, health))
    renewed = tree(record={**RECORD, "renewal": 8})
    assert await scene.round(FakeRound(renewed, positions, health), after_s=GRACE_S) is None
    assert await scene.round(FakeRound(renewed, positions, health, term=2), after_s=GRACE_S) is None
    assert await scene.round(FakeRound(renewed, positions, health, term=2), after_s=GRACE_S) == "b"


async def test_a_released_lease_is_replaced_at_once_but_only_its_holders() -> None:
    scene = Scene()
    positions = {"b": position("a", 9)}
    released = {**RECORD, "released": True}
    assert await scene.round(FakeRound(tree(record=released), positions, "a:GOOD b:GOOD")) == "b"
    others = FakeRound(tree(leader="c", record=released), positions, "a:GOOD b:GOOD c:GOOD")
    assert await scene.round(others, after_s=100.0) is None


async def test_a_server_that_was_named_and_never_led_is_replaced_by_a_follower_of_who_led_last() -> None:
    scene = Scene()
    named = {**RECORD, "holder": "b", "renewal": 0}
    this = FakeRound(tree(leader="b", record=named), {"c": position("a", 9)}, "a:FAILED b:FAILED c:GOOD")
    await scene.round(this)
    assert await scene.round(this, after_s=GRACE_S) == "c"


async def test_that_nobody_can_lead_is_said_once() -> None:
    scene = Scene()
    this = FakeRound(tree(), {}, "a:FAILED b:GOOD")
    await scene.round(this)
    for _ in range(3):
        await scene.round(this, after_s=GRACE_S)
    assert len(scene.said) == 1
