"""The requests behind `state` and `snapshot`. Both only read, so every error means that nothing happened."""

from __future__ import annotations

from collections.abc import Sequence

from checkers.history import Op
from workloads.protocol.capabilities import Session
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError


async def observe_state(session: Session, op: Op) -> Outcome:
    """What a follower says of its replication, and how far its leader's log reaches just after, if asked."""
    number = op.value["follower"]
    follower = session.followers[number]
    try:
        state = await session.on(follower).applier_state()
        # A leader that is paused would hold up every state, which is wanted most while the leader is gone.
        tick = await session.on(session.leader).logger_tick() if op.value.get("ask_leader") else None
    except RequestError as error:
        return Fail(str(error), follower)
    details = state.raw.get("state", {})
    value = {
        "follower": number,
        "running": state.running,
        "applied": state.applied_tick,
        "leader_tick": tick,
        "leader": state.raw.get("endpoint"),
        "syncing": details.get("phase") == "initial",
        "resyncs": details.get("totalResyncs"),
        "started": details.get("started"),
        "error": state.error,
    }
    return Ok(value, follower)


async def take_snapshot(session: Session, op: Op, collection: str) -> Outcome:
    """Keys and revisions of everything one server has in the collection, as of one moment."""
    node = _server(session, op)
    try:
        documents = await session.on(node).read_all(collection)
    except RequestError as error:
        return Fail(str(error), node)
    return Ok({"node": node, "documents": {d.key: d.revision for d in documents}}, node)


async def take_snapshots(session: Session, op: Op, collections: Sequence[str]) -> Outcome:
    """The same of several collections, one after the other; documents are named "collection/key"."""
    node = _server(session, op)
    documents: dict[str, str] = {}
    try:
        for collection in collections:
            found = await session.on(node).read_all(collection)
            documents |= {f"{collection}/{d.key}": d.revision for d in found}
    except RequestError as error:
        return Fail(str(error), node)
    return Ok({"node": node, "documents": documents}, node)


def _server(session: Session, op: Op) -> str:
    node: str = (session.leader, *session.followers)[op.value["server"]]
    return node
