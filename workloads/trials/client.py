"""TrialClient: turns the operations of a trial into requests.

A trial has a database of its own on each of its servers, and another one that is not replicated. What was
done in part and then failed is unknown as a whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from checkers.history import Op
from workloads.protocol.administration import AdministeredSession, Site
from workloads.protocol.outcome import Fail, Info, Ok, Outcome, RequestError

Value = Mapping[str, Any]
_NOBODY = ":1"
"""A port on which no server listens."""


def database(key: object, *, elsewhere: bool = False) -> str:
    """The name of a trial's database, or of its other one."""
    return f"{'elsewhere' if elsewhere else 'trial'}_{key}"


class TrialClient:
    """One process, which may act in any trial."""

    def __init__(self, session: AdministeredSession) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation of a trial."""
        node = self._node(op.value["server"])
        try:
            match op.f:
                case "open" | "close" | "fill" | "drop" | "remove":
                    return await self._change(op, node)
                case "follow" | "sync" | "configure":
                    return await self._set_up(op, node)
                case "start" | "stop" | "forget" | "flush":
                    return await self._command(op, node)
                case "tick" | "state" | "settings" | "look" | "pin" | "dump" | "knock":
                    return await self._look(op, node)
        except RequestError as error:
            return replace(error.outcome, node=node)
        raise ValueError(f"a trial has no operation {op.f!r}")

    def _node(self, server: int) -> str:
        return (self._session.leader, *self._session.followers)[server]

    def _site(self, op: Op, server: int) -> Site:
        name = database(op.key, elsewhere=op.value.get("elsewhere", False))
        return self._session.within(self._node(server), name)

    # Data.

    async def _change(self, op: Op, node: str) -> Outcome:
        site = self._site(op, op.value["server"])
        match op.f:
            case "open":
                await site.create()
            case "close":
                await site.drop()
            case "fill":
                return await _fill(site, op, node)
            case "drop":
                await site.drop_collection(op.value["collection"])
            case "remove":
                await site.remove(op.value["collection"], op.value["key"])
        return Ok(node=node)

    # Replication.

    async def _set_up(self, op: Op, node: str) -> Outcome:
        value = op.value
        site, endpoint = self._site(op, value["server"]), self._endpoint(value["leader"])
        match op.f:
            case "follow":
                await site.follow(endpoint, value["configuration"])
            case "configure":
                await site.configure(endpoint, value["configuration"])
            case "sync":
                tick = await site.synchronize(endpoint, value["configuration"])
                return Ok({**value, "tick": tick}, node)
        return Ok(node=node)

    def _endpoint(self, server: int | None) -> str:
        if server is not None:
            return self._session.endpoint(self._node(server))
        return self._session.endpoint(self._session.leader).rpartition(":")[0] + _NOBODY

    async def _command(self, op: Op, node: str) -> Outcome:
        site = self._site(op, op.value["server"])
        match op.f:
            case "start":
                await site.start(op.value.get("from"))
            case "stop":
                await site.stop()
            case "forget":
                await site.forget()
            case "flush":
                await site.flush()
        return Ok(node=node)

    # Looking: whatever happens to it, it changes nothing.

    async def _look(self, op: Op, node: str) -> Outcome:
        site = self._site(op, op.value["server"])
        try:
            seen = await self._seen(op, site)
        except RequestError as error:
            return Fail(str(error), node)
        return Ok({**op.value, **seen}, node)

    async def _seen(self, op: Op, site: Site) -> dict[str, Any]:
        looks: Mapping[str, Callable[[Site, Value], Awaitable[dict[str, Any]]]] = {
            "tick": _tick,
            "state": _state,
            "settings": _settings,
            "look": _contents,
            "pin": _pin,
            "dump": _dump,
            "knock": _knock,
        }
        return await looks[op.f](site, op.value)


async def _tick(site: Site, _: Value) -> dict[str, Any]:
    """The uptime is asked for last: if the server was old enough then, nothing came in between."""
    return {"tick": await site.tick(), "uptime_s": await site.uptime_s()}


async def _state(site: Site, _: Value) -> dict[str, Any]:
    """The uptime is asked for first: if the server was young then, it is when it tells its state."""
    uptime_s = await site.uptime_s()
    state = await site.state()
    details = state.raw.get("state", {})
    return {
        "uptime_s": uptime_s,
        "running": state.running,
        "applied": state.applied_tick,
        "error": int((details.get("lastError") or {}).get("errorNum") or 0),
        "resyncs": details.get("totalResyncs", 0),
        "requests": details.get("totalRequests", 0),
        "failed_connects": details.get("totalFailedConnects", 0),
    }


async def _fill(site: Site, op: Op, node: str) -> Outcome:
    """Create the collections that are new, and write the documents."""
    value, begun = op.value, False
    try:
        for name, keys in value["collections"].items():
            if name in value["new"]:
                await site.create_collection(name, wait_for_sync=value["durable"])
                begun = True
            if keys:
                await site.write(name, keys, wait_for_sync=value["durable"])
                begun = True
    except RequestError as error:
        return Info(str(error), node) if begun else replace(error.outcome, node=node)
    return Ok(node=node)


async def _settings(site: Site, _: Value) -> dict[str, Any]:
    return {"shown": dict(await site.settings())}


async def _pin(site: Site, _: Value) -> dict[str, Any]:
    return {"snapshot": await site.pin()}


async def _dump(site: Site, value: Value) -> dict[str, Any]:
    return {"keys": list(await site.dump(value["snapshot"], value["collection"]))}


async def _knock(site: Site, _: Value) -> dict[str, Any]:
    return {"demands": await site.demands_credentials()}


async def _contents(site: Site, value: Value) -> dict[str, Any]:
    """The names of all collections that are not the system's, and what is in those that are wanted."""
    found = await site.collections()
    documents = {name: dict(await site.revisions(name)) for name in value["collections"] if name in found}
    return {"names": sorted(name for name in found if not name.startswith("_")), "documents": documents}
