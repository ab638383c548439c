"""The requests of the workload of documents, and what their answers mean."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from checkers.history import Op
from workloads.contract.accesses import COLLECTIONS, ELEMENTS, LOOSE
from workloads.protocol.capabilities import Document, Node, Session
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.replicas import observe_state, take_snapshots

_BY_KEY = Mapping[str, Mapping[str, str]]
"""By collection and key."""


class DocumentsClient:
    """One process at the documents of the leader."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        leader = self._session.leader
        match op.f:
            case "state":
                return await observe_state(self._session, op)
            case "snapshot":
                return await take_snapshots(self._session, op, (*COLLECTIONS, LOOSE, ELEMENTS))
        try:
            outcome = await self._at(self._session.on(leader), op)
        except RequestError as error:
            # Whatever happened to a read: it has no effect. Nor has a transaction that nobody commits.
            harmless = op.f in ("read", "elements", "abort")
            outcome = Fail(str(error)) if harmless else error.outcome
        return replace(outcome, node=leader)

    async def _at(self, node: Node, op: Op) -> Outcome:
        match op.f:
            case "read":
                return Ok(await _read(node, op.value))
            case "write":
                return await _write(node, op.value)
            case "abort":
                await _abort(node, op.value)
            case "upsert":
                return Ok(op.value | {"revisions": await _upsert(node, op.value)})
            case "add":
                await node.insert(ELEMENTS, {"element": op.value}, key=f"element-{op.value}")
            case "truncate":
                await node.truncate(ELEMENTS)
            case "elements":
                return Ok([each.body["element"] for each in await node.read_all(ELEMENTS)])
            case _:
                raise ValueError(f"the documents workload has no operation {op.f!r}")
        return Ok()


async def _read(node: Node, value: Mapping[str, Any]) -> dict[str, Any]:
    keys = _by_collection(value["documents"])
    if value["by"] == "batch":
        return {**value, "documents": await _found(node, keys)}
    transaction = await node.begin(list(keys), [])
    try:
        first = await _found(node, keys, transaction)
        again = await _found(node, dict([next(iter(keys.items()))]), transaction)
    finally:
        await _give_up(node, transaction)
    return {**value, "documents": first, "again": again}


async def _found(
    node: Node, keys: Mapping[str, Sequence[str]], within: str | None = None
) -> dict[str, list[Any] | None]:
    """Revision and number of each document."""
    shown: dict[str, list[Any] | None] = {}
    for collection, those in keys.items():
        for key, each in zip(those, await node.read_many(collection, those, within=within), strict=True):
            shown[f"{collection}/{key}"] = None if each is None else [each.revision, each.body["number"]]
    return shown


async def _write(node: Node, value: Mapping[str, Any]) -> Outcome:
    expected = _expected(value["expects"])
    if value["by"] == "transaction":
        return await _transact(node, value, expected)
    ((collection, revisions),) = expected.items()
    body = {"number": value["number"]}
    if value["by"] == "single":
        ((key, revision),) = revisions.items()
        replaced: Mapping[str, str] = {key: await node.replace(collection, key, body, if_match=revision)}
    else:
        replaced = await node.replace_many(collection, dict.fromkeys(revisions, body), if_match=revisions)
        if not replaced:
            return Fail("all have other revisions")
    return Ok({**value, "revisions": _named(collection, replaced)})


async def _transact(node: Node, value: Mapping[str, Any], expected: _BY_KEY) -> Outcome:
    """The snapshot must have the revisions; that nobody replaces them until the commit is the database's
    business.
    """
    try:
        transaction = await node.begin([], list(expected))
        replaced = await _replace_within(node, transaction, value["number"], expected)
    except RequestError as error:
        return Fail(str(error))  # nothing was committed, and never will be
    if replaced is None:
        await _give_up(node, transaction)
        return Fail("the snapshot has other revisions, or somebody else is at them")
    await node.commit(transaction)
    return Ok({**value, "revisions": replaced})


async def _replace_within(
    node: Node, transaction: str, number: int, expected: _BY_KEY
) -> dict[str, str] | None:
    """The new revisions, or None if not all could be replaced."""
    replaced: dict[str, str] = {}
    try:
        for collection, revisions in expected.items():
            documents = await node.read_many(collection, list(revisions), within=transaction)
            if [_revision(each) for each in documents] != list(revisions.values()):
                return None
        for collection, revisions in expected.items():
            bodies = {key: {"number": number} for key in revisions}
            replaced |= _named(collection, await node.replace_many(collection, bodies, within=transaction))
    except RequestError:
        await _give_up(node, transaction)
        raise
    return replaced if len(replaced) == sum(map(len, expected.values())) else None


async def _abort(node: Node, value: Mapping[str, Any]) -> None:
    keys = _by_collection(value["documents"])
    transaction = await node.begin([], list(keys))
    for collection, those in keys.items():
        bodies = {key: {"number": value["number"]} for key in those}
        await node.replace_many(collection, bodies, within=transaction)
    await node.abort(transaction)


async def _upsert(node: Node, value: Mapping[str, Any]) -> dict[str, str]:
    ((collection, keys),) = _by_collection(value["documents"]).items()
    bodies = {key: {"number": value["number"]} for key in keys}
    return _named(collection, await node.replace_many(collection, bodies))


async def _give_up(node: Node, transaction: str) -> None:
    with contextlib.suppress(RequestError):  # only to free its locks sooner
        await node.abort(transaction)


def _by_collection(documents: Iterable[str]) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for name in documents:
        collection, _, key = name.partition("/")
        keys.setdefault(collection, []).append(key)
    return keys


def _expected(expects: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        collection: {key: expects[f"{collection}/{key}"] for key in keys}
        for collection, keys in _by_collection(expects).items()
    }


def _named(collection: str, revisions: Mapping[str, str]) -> dict[str, str]:
    return {f"{collection}/{key}": revision for key, revision in revisions.items()}


def _revision(found: Document | None) -> str | None:
    return None if found is None else found.revision
