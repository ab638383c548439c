"""Enumeration: count the boundaries of a script, die at one of them, and judge what is there afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Literal

import msgspec

from harness.environment import TransportError
from reference.storage.record import BEGIN, COMMIT
from reference.storage.revision import decode_revision
from tests.defects.stage import LEADER, Stage
from tests.reference.crash_points.scripts import State, Step, states

Death = Literal["kill", "power: nothing kept", "power: last write torn", "power: as chance has it"]
DEATHS: tuple[Death, ...] = (
    "kill",
    "power: nothing kept",
    "power: last write torn",
    "power: as chance has it",
)
_RECOVERY_S = 1.0
WORDS = ("--rocksdb.wal-file-timeout", "0", "--rocksdb.wal-file-timeout-initial", "0")


@dataclass(slots=True)
class Progress:
    """How far a script has come: `done` steps are acknowledged, `durable` of them surely on the disk."""

    done: int = 0
    durable: int = 0
    revisions: list[int] = field(default_factory=list)


async def run(stage: Stage, script: Sequence[Step], progress: Progress) -> None:
    """Do the steps, one after the other; ends by TransportError when the server dies."""
    for number, step in enumerate(script, 1):
        told = await step.act(stage)
        progress.revisions += [revision for text in told if (revision := decode_revision(text)) is not None]
        progress.done = number
        if step.durable:
            progress.durable = number


def boundaries(script: Sequence[Step]) -> range:
    """The numbers of the boundaries that the server's disk passes during the script."""
    stage = Stage(words=WORDS)

    async def live() -> range:
        await stage.open()
        first = stage.disk(LEADER).boundaries + 1
        await run(stage, script, Progress())
        last = stage.disk(LEADER).boundaries
        await stage.close()
        return range(first, last + 1)

    return stage.world.run(live())


def die(stage: Stage, node: str, death: Death, boundary: int) -> None:
    """Let the node die at a boundary that is still to come."""

    def look(number: int, _what: str) -> None:
        if number != boundary:
            return
        disk.at_boundary = None
        match death:
            case "kill":
                stage.kill(node)
            case "power: nothing kept":
                stage.lose_power(node)
            case "power: last write torn":
                stage.lose_power(node, "torn")
            case "power: as chance has it":
                disk.random = Random(boundary)
                stage.world.host(node).lose_power()

    disk = stage.disk(node)
    disk.at_boundary = look


def crash(script: tuple[Step, ...], death: Death, boundary: int) -> list[str]:
    """What is wrong after a death at that boundary, as sentences."""
    stage = Stage(words=WORDS)
    return stage.world.run(_crash(stage, script, death, boundary))


async def _crash(stage: Stage, script: tuple[Step, ...], death: Death, boundary: int) -> list[str]:
    await stage.open()
    die(stage, LEADER, death, boundary)
    progress = Progress()
    with suppress(TransportError):
        await run(stage, script, progress)
    assert stage.disk(LEADER).at_boundary is None, f"boundary {boundary} was never passed"
    return await _judged(stage, script, death, progress)


def crash_again(script: tuple[Step, ...], death: Death, boundary: int, again: int) -> list[str] | None:
    """Likewise, if the next life dies at the boundary `again` of its recovery; None if there are fewer."""
    stage = Stage(words=WORDS)

    async def live() -> list[str] | None:
        await stage.open()
        die(stage, LEADER, death, boundary)
        progress = Progress()
        with suppress(TransportError):
            await run(stage, script, progress)
        die(stage, LEADER, death, stage.disk(LEADER).boundaries + again)
        await stage.boot(LEADER)
        await asyncio.sleep(_RECOVERY_S)
        if stage.disk(LEADER).at_boundary is not None:
            await stage.close()
            return None
        return await _judged(stage, script, death, progress)

    return stage.world.run(live())


async def _judged(stage: Stage, script: tuple[Step, ...], death: Death, progress: Progress) -> list[str]:
    """The judgement; what keeps a server from serving is a part of it."""
    try:
        return await _judge(stage, script, death, progress)
    except AssertionError as error:
        said = [line for lines in stage.world.host(LEADER).logs.values() for line in lines[-2:]]
        return [f"after the restart: {error}; {said}"]
    finally:
        await stage.close()


async def _judge(stage: Stage, script: tuple[Step, ...], death: Death, progress: Progress) -> list[str]:
    await stage.start(LEADER)
    least = progress.done if death == "kill" else progress.durable
    allowed = states(script)[least : progress.done + 2]
    found = await contents(stage, LEADER)
    if found not in allowed:
        return [f"{found} is none of {allowed}"]
    wrong = await _disorder(stage)
    await stage.restart(LEADER)
    again = await contents(stage, LEADER)
    wrong += [f"a second recovery finds {again} after {found}"] if again != found else []
    return wrong + await _unusable(stage, progress, found)


async def contents(stage: Stage, node: str) -> State:
    """What a server holds, but for its system collections."""
    names = [name for name in await stage.collections(node) if not name.startswith("_")]
    return {name: await stage.contents(node, name) for name in sorted(names)}


async def _disorder(stage: Stage) -> list[str]:
    """Whether the log's files go on without a gap, and every transaction in them has its end."""
    ranges = await stage.expect(LEADER, "GET", "/_api/replication/logger-tick-ranges")
    ticks = [(int(part["tickMin"]), int(part["tickMax"])) for part in ranges]
    gaps = [f"gap in {ticks}" for (_, end), (begin, _) in pairwise(ticks) if begin != end + 1]
    first = ticks[0][0] - 1
    reply = await stage.send(LEADER, "GET", f"/_api/wal/tail?global=true&from={first}")
    entries = [msgspec.json.decode(line) for line in reply.body.splitlines()]
    begun, ended = [[entry["tid"] for entry in entries if entry["type"] == kind] for kind in (BEGIN, COMMIT)]
    return gaps + ([] if begun == ended else [f"of the transactions {begun} in the log {ended} ended"])


async def _unusable(stage: Stage, progress: Progress, found: State) -> list[str]:
    """Whether a new write has the newest revision, and stays with all that the recovery has shown."""
    await stage.expect(LEADER, "POST", "/_api/collection", {"name": "after"})
    revision = decode_revision(await stage.put(LEADER, "after", "k", 1, sync=True)) or 0
    newest = max(progress.revisions, default=0)
    wrong = [] if revision > newest else [f"revision {revision} after {newest}"]
    stage.lose_power(LEADER)
    await stage.start(LEADER)
    kept = await contents(stage, LEADER)
    right = {**found, "after": {"k": 1}}
    return wrong + (
        [] if kept == right else [f"after the recovery and a power loss there is {kept}, not {right}"]
    )
