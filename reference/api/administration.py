"""What a server says about itself, and the few things that an administrator may tell it.

Figures that arangod takes from its scheduler, its cache and its operating system are not measured here; the
statistics carry what this server knows and nothing invented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference import VERSION
from reference.api import answer
from reference.api.routes import Access, Route
from reference.errors import ArangoError

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.world import Response

_DETAILS = {
    "architecture": "64bit",
    "server-version": VERSION,
    "role": "SINGLE",
    "mode": "server",
    "host": "",
    "platform": "linux",
}
_ENGINE = {
    "name": "rocksdb",
    "supports": {
        "dfdb": False,
        "indexes": ["primary", "edge", "hash", "skiplist", "ttl", "persistent", "geo", "fulltext", "zkd"],
        "aliases": {"indexes": {"skiplist": "persistent", "hash": "persistent"}},
    },
}


async def _version(call: Call) -> Response:
    body: dict[str, Any] = {"server": "arango", "license": "community", "version": VERSION}
    if call.flag("details"):
        body["details"] = _DETAILS
    return answer.plain(body)


async def _target_version(_call: Call) -> Response:
    major, minor, patch = VERSION.split(".")
    return answer.members({"version": f"{int(major)}{int(minor):02}{int(patch):02}"})


async def _engine(_call: Call) -> Response:
    return answer.plain(_ENGINE)


async def _status(call: Call) -> Response:
    read_only = call.services.read_only
    information = {
        "maintenance": False,
        "role": "SINGLE",
        "writeOpsEnabled": not read_only,
        "readOnly": read_only,
    }
    body = {
        "server": "arango",
        "license": "community",
        "mode": "server",
        "operationMode": "server",
        "version": VERSION,
        "foxxApi": False,
        "serverInfo": information,
    }
    return answer.plain(body)


async def _availability(call: Call) -> Response:
    # The gate of the server has refused this already while it starts or stops. A read-only server is
    # available: arangod's documents promise 503 here, its code answers 200.
    return answer.members({"mode": "readonly" if call.services.read_only else "default"})


async def _server_id(_call: Call) -> Response:
    raise ArangoError(500, "internal error: only a server of a cluster has such an id")


async def _role(call: Call) -> Response:
    mode = "default" if call.services.member is None else "resilient"
    return answer.members({"role": "SINGLE", "mode": mode})


async def _mode(call: Call) -> Response:
    return answer.members({"mode": "readonly" if call.services.read_only else "default"})


async def _set_mode(call: Call) -> Response:
    mode = call.object().get("mode")
    if mode not in ("readonly", "default"):
        raise ArangoError(400, "mode invalid: it must be 'default' or 'readonly'")
    call.services.read_only = mode == "readonly"
    return await _mode(call)


async def _time(call: Call) -> Response:
    return answer.members({"time": call.services.world.clock.wall_ns() / 1e9})


async def _statistics(call: Call) -> Response:
    clock = call.services.world.clock
    uptime_s = (clock.monotonic_ns() - call.services.started_ns) / 1e9
    body: dict[str, Any] = {
        "time": clock.wall_ns() / 1e9,
        "enabled": True,
        "system": {},
        "client": {},
        "http": {"requestsTotal": call.services.requests},
        "server": {"uptime": uptime_s},
    }
    return answer.members(body)


async def _statistics_description(_call: Call) -> Response:
    groups = [
        {"group": "http", "name": "HTTP Request Statistics", "description": "Numbers of requests."},
        {"group": "server", "name": "Server Statistics", "description": "Statistics about the server."},
    ]
    figures = [
        _figure("http", "requestsTotal", "Total requests", "accumulated", "number"),
        _figure("server", "uptime", "Server Uptime", "current", "seconds"),
    ]
    return answer.members({"groups": groups, "figures": figures})


def _figure(group: str, identifier: str, name: str, kind: str, units: str) -> dict[str, str]:
    return {"group": group, "identifier": identifier, "name": name, "type": kind, "units": units}


async def _metrics(call: Call) -> Response:
    text = (
        "# HELP arangodb_http_request_statistics_total_requests_total Requests answered.\n"
        "# TYPE arangodb_http_request_statistics_total_requests_total counter\n"
        f"arangodb_http_request_statistics_total_requests_total {call.services.requests}\n"
    )
    return answer.raw(text.encode(), content_type="text/plain; version=0.0.4; charset=utf-8")


async def _echo(call: Call) -> Response:
    request = call.request
    body = {
        "protocol": "http",
        "url": request.target,
        "requestType": request.method,
        "headers": {name: value for name, value in request.headers.items() if name != "authorization"},
        "requestBody": request.body.decode(errors="replace"),
        "user": call.caller.name or None,
        "database": call.database.name,
    }
    return answer.plain(body)


async def _reload(_call: Call) -> Response:
    return answer.plain({})


async def _license(_call: Call) -> Response:
    return answer.plain({"license": "none"})


async def _shutdown(call: Call) -> Response:
    call.services.stop()
    return answer.plain("OK")


async def _endpoint(call: Call) -> Response:
    endpoint = call.services.options.server.endpoint
    return answer.plain([{"endpoint": "http://" + endpoint.removeprefix("tcp://")}])


async def _flush(call: Call) -> Response:
    await call.services.engine.flush()
    return answer.members({})


async def _no_wal_properties(_call: Call) -> Response:
    raise ArangoError(501, "the log of this storage engine has no such properties")


async def _tasks(_call: Call) -> Response:
    return answer.plain([])


ROUTES = (
    Route("GET", "/_api/version", _version),
    Route("GET", "/_admin/version", _version),
    Route("GET", "/_admin/database/target-version", _target_version),
    Route("GET", "/_api/engine", _engine),
    Route("GET", "/_admin/status", _status),
    Route("GET", "/_admin/server/availability", _availability, Access.OPEN),
    Route("GET", "/_admin/server/id", _server_id),
    Route("GET", "/_admin/server/role", _role),
    Route("GET", "/_admin/server/mode", _mode),
    Route("PUT", "/_admin/server/mode", _set_mode, Access.ADMIN),
    Route("GET", "/_admin/time", _time),
    Route("GET", "/_admin/statistics", _statistics),
    Route("GET", "/_admin/statistics-description", _statistics_description),
    Route("GET", "/_admin/metrics", _metrics),
    Route("GET", "/_admin/metrics/v2", _metrics),
    Route("GET", "/_admin/echo", _echo),
    Route("POST", "/_admin/echo", _echo),
    Route("POST", "/_admin/routing/reload", _reload),
    Route("GET", "/_admin/license", _license),
    Route("DELETE", "/_admin/shutdown", _shutdown, Access.ADMIN),
    Route("PUT", "/_admin/wal/flush", _flush, Access.ADMIN),
    Route("GET", "/_admin/wal/properties", _no_wal_properties),
    Route("PUT", "/_admin/wal/properties", _no_wal_properties),
    Route("GET", "/_admin/wal/transactions", _no_wal_properties),
    Route("GET", "/_api/endpoint", _endpoint, Access.ADMIN),
    Route("GET", "/_api/tasks", _tasks),
)
