"""The requests behind `observe` and `probe`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from checkers.history import Op
from workloads.protocol.failover import FailoverSession, Reply
from workloads.protocol.outcome import Fail, Info, Ok, Outcome, RequestError

_PATHS = ("/arango/Plan/AsyncReplication", "/arango/Supervision/Health", "/arango/Current/ServersRegistered")
_KEYS = 200
"""Probes write to so many documents in turn, so that no two at once write to the same one."""
ANCHOR = "anchor"
"""The document that probes read."""


async def observe(session: FailoverSession) -> Outcome:
    """Whom the agency names leader, and what its supervision thinks of each server."""
    try:
        tree = await session.agency.read(_PATHS)
    except RequestError as error:
        return Fail(str(error))  # a look has no effect
    arango = tree.get("arango", {})
    health = _below(arango, "Supervision", "Health")
    nodes = {**_nodes(session, _below(arango, "Current", "ServersRegistered"), "endpoint")}
    nodes |= _nodes(session, health, "Endpoint")
    leader = _below(arango, "Plan", "AsyncReplication").get("Leader") or None
    return Ok(
        {
            "leader": nodes.get(leader, leader) if leader is not None else None,
            "health": {nodes[name]: seen.get("Status") for name, seen in health.items() if name in nodes},
        }
    )


def _below(tree: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        found = tree.get(name)
        tree = found if isinstance(found, Mapping) else {}
    return tree


def _nodes(session: FailoverSession, entries: Mapping[str, Any], attribute: str) -> dict[str, str]:
    """Nodes by the servers' ids."""
    found = {}
    for name, entry in entries.items():
        endpoint = entry.get(attribute) if isinstance(entry, Mapping) else None
        node = session.node_at(endpoint) if endpoint else None
        if node is not None:
            found[name] = node
    return found


async def probe(session: FailoverSession, op: Op, collection: str) -> Outcome:
    """Ask one server for one thing, and record what it answered."""
    node = session.nodes[op.value["server"] % len(session.nodes)]
    try:
        reply = await _ask(session, node, op.value, collection)
    except RequestError as error:
        unknown = op.value["kind"] == "write" and not error.definite
        outcome: Fail | Info = Info(str(error)) if unknown else Fail(str(error))
        return replace(outcome, node=node)
    if op.value["kind"] == "write" and reply.accepted:
        session.confirm(node)
    return Ok({**op.value, **_told(session, reply)}, node)


async def _ask(session: FailoverSession, node: str, value: Mapping[str, Any], collection: str) -> Reply:
    member = session.member(node)
    match value["kind"]:
        case "read":
            return await member.probe_read(collection, ANCHOR, dirty=value["dirty"])
        case "write":
            key = f"probe-{value['number'] % _KEYS}"
            return await member.probe_write(
                collection, key, {"number": value["number"]}, dirty=value["dirty"]
            )
        case "endpoints":
            return await member.probe_endpoints()
    raise ValueError(f"there is no probe of kind {value['kind']!r}")


def _told(session: FailoverSession, reply: Reply) -> dict[str, Any]:
    first = session.node_at(reply.endpoints[0]) if reply.endpoints else None
    return {
        "status": reply.status,
        "number": reply.number,
        "endpoint": reply.endpoint,
        "leader": session.node_at(reply.endpoint) if reply.endpoint else None,
        "marked": reply.marked,
        **({} if reply.endpoints is None else {"first": first}),
    }
