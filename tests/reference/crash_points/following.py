"""The same for a follower: it dies at a boundary of its applying, and must have a past of its leader's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.defects.stage import FOLLOWER, LEADER, Stage
from tests.reference.crash_points.enumeration import WORDS, Death, contents, die
from tests.reference.crash_points.scripts import State, Step, states

_BOTH_WAYS = ((LEADER, FOLLOWER), (FOLLOWER, LEADER))
_PATIENCE_S = 5.0


def boundaries(script: Sequence[Step], **applier: Any) -> range:
    """The numbers of the boundaries that the follower's disk passes while it applies the script."""
    stage = Stage(nodes=2, words=WORDS)

    async def live() -> range:
        await _begin(stage, applier)
        first = stage.disk(FOLLOWER).boundaries + 1
        await _run(stage, script)
        assert await stage.caught_up()
        last = stage.disk(FOLLOWER).boundaries
        await stage.close()
        return range(first, last + 1)

    return stage.world.run(live())


def crash(script: tuple[Step, ...], death: Death, boundary: int, **applier: Any) -> list[str]:
    """What is wrong after the follower's death at that boundary, as sentences."""
    stage = Stage(nodes=2, words=WORDS)

    async def live() -> list[str]:
        await _begin(stage, applier)
        die(stage, FOLLOWER, death, boundary)
        ticks = await _run(stage, script)
        await _death(stage, boundary)
        stage.world.network.cut(_BOTH_WAYS)
        try:
            return await _judge(stage, script, ticks)
        except AssertionError as error:
            return [f"after the restart: {error}"]
        finally:
            await stage.close()

    return stage.world.run(live())


async def _begin(stage: Stage, applier: dict[str, Any]) -> None:
    await stage.open()
    await stage.follow(**applier)


async def _run(stage: Stage, script: Sequence[Step]) -> list[int]:
    """Do the steps on the leader; its tick before the first, and after each."""
    ticks = [await _tick(stage)]
    for step in script:
        await step.act(stage)
        ticks.append(await _tick(stage))
    return ticks


async def _tick(stage: Stage) -> int:
    return int((await stage.expect(LEADER, "GET", "/_api/wal/lastTick"))["tick"])


async def _death(stage: Stage, boundary: int) -> None:
    deadline = stage.world.loop.time() + _PATIENCE_S
    while stage.disk(FOLLOWER).at_boundary is not None:
        assert stage.world.loop.time() < deadline, f"boundary {boundary} was never passed"
        await asyncio.sleep(0.1)


async def _judge(stage: Stage, script: tuple[Step, ...], ticks: Sequence[int]) -> list[str]:
    """Alone, it holds what its tick says; with its leader again, it becomes equal."""
    await stage.start(FOLLOWER)
    tick = int((await stage.applier())["lastAppliedContinuousTick"] or -1)
    found = await contents(stage, FOLLOWER)
    allowed = _allowed(script, ticks, tick)
    wrong = [] if found in allowed else [f"{found} is none of {allowed}, its tick is {tick} of {ticks}"]
    stage.world.network.heal()
    if not await stage.caught_up():
        return [*wrong, f"the applier stopped: {(await stage.applier())['lastError']}"]
    theirs, ours = [await _documents(stage, node) for node in (LEADER, FOLLOWER)]
    return wrong if theirs == ours else [*wrong, f"{ours} in the end, and not {theirs}"]


def _allowed(script: tuple[Step, ...], ticks: Sequence[int], tick: int) -> list[State]:
    """The leader's state at the tick, or the next if a definition makes that: its tick follows it."""
    done = max(number for number, reached in enumerate(ticks) if reached <= tick or number == 0)
    past = states(script)
    return past[done : done + (2 if done < len(script) and script[done].durable else 1)]


async def _documents(stage: Stage, node: str) -> dict[str, Any]:
    """Everything that is to be equal, revisions included."""
    query = {"batchSize": 100_000}
    return {
        name: sorted(
            (await stage.expect(node, "PUT", "/_api/simple/all", {**query, "collection": name}))["result"],
            key=lambda document: str(document["_key"]),
        )
        for name in await contents(stage, node)
    }
