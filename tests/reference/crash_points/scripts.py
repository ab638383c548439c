"""Scripts: what is asked of a server before it dies, and what each request is to bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.defects.stage import LEADER, Stage

State = Mapping[str, Mapping[str, int]]
"""What a server holds: the numbers of the documents by collection and key."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request, or several that take effect together.

    `act` returns when it is acknowledged, with the revisions that were given out. `effect` is what it does,
    all of it at once. `durable`: acknowledged means that it, and all before it, survives a power loss.
    """

    act: Callable[[Stage], Awaitable[list[str]]]
    effect: Callable[[State], State]
    durable: bool


def write(collection: str, *, sync: bool = False, **numbers: int) -> Step:
    """Insert or replace: one document, or several in one array."""

    async def act(stage: Stage) -> list[str]:
        path = f"/_api/document/{collection}?overwriteMode=replace&waitForSync={str(sync).lower()}"
        documents = [{"_key": key, "n": n} for key, n in numbers.items()]
        if len(documents) == 1:
            return [(await stage.expect(LEADER, "POST", path, documents[0]))["_rev"]]
        return [written["_rev"] for written in await stage.expect(LEADER, "POST", path, documents)]

    return Step(act, lambda state: _with(state, collection, {**state[collection], **numbers}), sync)


def transact(collection: str, **numbers: int) -> Step:
    """Write several documents in one stream transaction."""

    async def act(stage: Stage) -> list[str]:
        wanted = {"collections": {"write": collection}}
        begun = await stage.expect(LEADER, "POST", "/_api/transaction/begin", wanted)
        header = {"x-arango-trx-id": begun["result"]["id"]}
        path = f"/_api/document/{collection}?overwriteMode=replace"
        revisions = []
        for key, n in numbers.items():
            written = await stage.expect(LEADER, "POST", path, {"_key": key, "n": n}, header)
            revisions.append(written["_rev"])
        await stage.expect(LEADER, "PUT", f"/_api/transaction/{header['x-arango-trx-id']}")
        return revisions

    return Step(act, lambda state: _with(state, collection, {**state[collection], **numbers}), durable=False)


def remove(collection: str, key: str) -> Step:
    """Remove a document."""

    def effect(state: State) -> State:
        rest = {other: n for other, n in state[collection].items() if other != key}
        return _with(state, collection, rest)

    return Step(_asking("DELETE", f"/_api/document/{collection}/{key}"), effect, durable=False)


def create(collection: str) -> Step:
    """Create a collection."""
    act = _asking("POST", "/_api/collection", {"name": collection})
    return Step(act, lambda state: _with(state, collection, {}), durable=True)


def rename(collection: str, name: str) -> Step:
    """Rename a collection."""
    act = _asking("PUT", f"/_api/collection/{collection}/rename", {"name": name})
    return Step(act, lambda state: {**_without(state, collection), name: state[collection]}, durable=True)


def truncate(collection: str) -> Step:
    """Remove all documents at once."""
    act = _asking("PUT", f"/_api/collection/{collection}/truncate")
    return Step(act, lambda state: _with(state, collection, {}), durable=True)


def drop(collection: str) -> Step:
    """Drop a collection."""
    act = _asking("DELETE", f"/_api/collection/{collection}")
    return Step(act, lambda state: _without(state, collection), durable=True)


def flush() -> Step:
    """Begin a new file of the log and write a checkpoint."""
    return Step(_asking("PUT", "/_admin/wal/flush"), lambda state: state, durable=True)


def wait(seconds: float) -> Step:
    """Let the server do what it does by itself: sync, prune the log."""

    async def act(stage: Stage) -> list[str]:
        await asyncio.sleep(seconds)
        return []

    return Step(act, lambda state: state, durable=False)


def states(script: tuple[Step, ...]) -> list[State]:
    """What is there before the first step, and after each."""
    found: list[State] = [{}]
    for step in script:
        found.append(step.effect(found[-1]))
    return found


def _asking(method: str, path: str, body: Any = None) -> Callable[[Stage], Awaitable[list[str]]]:
    async def act(stage: Stage) -> list[str]:
        await stage.expect(LEADER, method, path, body)
        return []

    return act


def _with(state: State, collection: str, numbers: Mapping[str, int]) -> State:
    return {**state, collection: numbers}


def _without(state: State, collection: str) -> State:
    return {name: numbers for name, numbers in state.items() if name != collection}


SCRIPTS: Mapping[str, tuple[Step, ...]] = {
    "single writes": (
        create("c"),
        write("c", a=1),
        write("c", a=2, sync=True),
        write("c", b=1),
        remove("c", "a"),
        write("c", d=1, sync=True),
        write("c", d=2),
        wait(0.3),
    ),
    "batches": (
        create("c"),
        write("c", a=1, b=1, d=1),
        write("c", a=2, b=2, e=2, sync=True),
        remove("c", "b"),
        write("c", a=3, f=3),
        wait(0.3),
    ),
    "transactions": (
        create("c"),
        transact("c", a=1, b=1),
        transact("c", a=2, b=2, d=2),
        write("c", a=3, sync=True),
        transact("c", a=4, b=4),
        wait(0.3),
    ),
    "collections": (
        create("c"),
        write("c", a=1, b=1),
        truncate("c"),
        write("c", a=2),
        create("d"),
        write("d", x=1),
        rename("d", "e"),
        write("e", x=2),
        drop("c"),
        wait(0.3),
    ),
    "checkpoints and pruning": (
        create("c"),
        write("c", a=1),
        transact("c", a=2, b=2),
        flush(),
        write("c", d=3),
        remove("c", "a"),
        wait(2.1),
        flush(),
        write("c", e=4, sync=True),
        truncate("c"),
        write("c", f=5),
        wait(2.1),
    ),
}
"""By what they exercise. The log's files are pruned as early as possible in all of them."""
