"""/_api/wal: what the write-ahead log has, and what happened since a tick (LF-WAL)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference import VERSION
from reference.api import answer
from reference.api.routes import Access, Route
from reference.errors import ArangoError
from reference.replication.clients import Follower
from reference.replication.entries import CONTENT_TYPE, Spelling
from reference.replication.scope import Wanted
from reference.replication.state import timestamp
from reference.replication.tail import DEFAULT_CHUNK_BYTES, MAX_CHUNK_BYTES, TailQuery, tail

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.world import Response

_NO_UPPER_BOUND = (1 << 64) - 1


def server(call: Call) -> dict[str, str]:
    """The member `server` of many answers."""
    return {"version": VERSION, "serverId": call.services.engine.server_id}


def now(call: Call) -> str:
    """The member `time` of many answers."""
    return timestamp(call.services.world.clock.wall_ns())


def follower(call: Call) -> Follower:
    """Who asks, as the request says."""
    query = call.query
    return Follower(query.get("serverId", ""), query.get("syncerId", ""), query.get("clientInfo", ""))


def wanted(call: Call) -> Wanted:
    """Which collections the request asks for."""
    return Wanted(
        call.flag("includeSystem", True), call.flag("includeFoxxQueues"), call.query.get("collection", "")
    )


async def get_range(call: Call) -> Response:
    """The ticks that the log has."""
    log = call.services.engine.log
    last = await log.sync()
    return answer.plain(
        {"time": now(call), "tickMin": str(log.first_tick), "tickMax": str(last), "server": server(call)}
    )


async def get_last_tick(call: Call) -> Response:
    """The newest tick."""
    tick = await call.services.engine.log.sync()
    return answer.plain({"time": now(call), "tick": str(tick), "server": server(call)})


async def get_open_transactions(call: Call) -> Response:
    """Always none: a transaction comes into the log when it commits."""
    log = call.services.engine.log
    lower, upper = _bounds(call)
    last = await log.sync()
    present = log.read(lower, min(upper, last), 1).from_present
    headers = {
        "x-arango-replication-frompresent": "true" if present else "false",
        "x-arango-replication-lastincluded": str(min(upper, last)),
    }
    return answer.plain([], headers=headers)


async def get_tail(call: Call) -> Response:
    """What happened after `from`, with the names of databases and collections."""
    return await follow(call, numbered=False)


async def follow(call: Call, *, numbered: bool) -> Response:
    """The common part of `wal/tail` and `logger-follow`."""
    services = call.services
    if call.request.body and not _is_list_of_ids(call.json()):
        raise ArangoError(400, "invalid body value. expecting array of transaction ids")
    lower, upper = _bounds(call)
    everywhere = call.flag("global")
    if everywhere and call.database.name != "_system":
        raise ArangoError(11, "global tailing is only possible from within _system database")
    chunk_bytes = call.number("chunkSize", DEFAULT_CHUNK_BYTES) or DEFAULT_CHUNK_BYTES
    query = TailQuery(
        lower,
        upper,
        None if everywhere else call.database.id,
        wanted(call),
        min(chunk_bytes, MAX_CHUNK_BYTES),
    )
    found = await tail(
        services.engine, services.world.clock, query, Spelling(services.engine, numbered=numbered)
    )
    services.replication.clients.saw(follower(call), lower)
    headers = found.headers()
    if numbered:
        headers["x-arango-replication-active"] = "true"
    return answer.raw(found.body, 200 if found.body else 204, headers, CONTENT_TYPE)


def _bounds(call: Call) -> tuple[int, int]:
    lower, upper = call.number("from", 0), call.number("to", _NO_UPPER_BOUND)
    if upper == 0 or lower > upper:
        raise ArangoError(400, "invalid from/to values")
    return lower, upper


def _is_list_of_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(number, str) and number.isdigit() for number in value)


ROUTES = (
    Route("GET", "/_api/wal/range", get_range, Access.WRITE),
    Route("GET", "/_api/wal/lastTick", get_last_tick, Access.WRITE),
    Route("GET", "/_api/wal/tail", get_tail, Access.ADMIN),
    Route("PUT", "/_api/wal/tail", get_tail, Access.ADMIN),
    Route("GET", "/_api/wal/open-transactions", get_open_transactions, Access.WRITE),
)
