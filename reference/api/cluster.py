"""/_api/cluster and /_admin/cluster, as far as an active failover has them: who leads, and who is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.agency.client import AgencyUnavailable, value_at
from reference.api import answer
from reference.api.routes import Route
from reference.errors import ArangoError
from reference.failover import keys

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.failover.member import Member
    from reference.world import Response

_ANSWER_S = 2.0
_RANK = {"GOOD": 0, "BAD": 1}


async def get_endpoints(call: Call) -> Response:
    """The leader first, then the followers that are well, then those that may be (AF-ENDPOINTS)."""
    member = _member(call)
    tree = await _read(member, keys.LEADER, keys.REGISTERED, keys.HEALTH)
    leader = value_at(tree, keys.LEADER, "")
    registered: dict[str, Any] = value_at(tree, keys.REGISTERED, {})
    if leader not in registered:
        raise _no_leader()
    health = value_at(tree, keys.HEALTH, {})
    ranked = [
        (-1 if server == leader else _RANK[status], server)
        for server in registered
        if (status := health.get(server, {}).get("Status", "BAD")) in _RANK or server == leader
    ]
    endpoints = [{"endpoint": registered[server]["endpoint"]} for _, server in sorted(ranked)]
    return answer.members({"endpoints": endpoints})


async def get_health(call: Call) -> Response:
    """What the supervision thinks of every server."""
    member = _member(call)
    tree = await _read(member, keys.HEALTH, keys.REGISTERED, keys.LEADER)
    health: dict[str, Any] = value_at(tree, keys.HEALTH, {})
    leader = value_at(tree, keys.LEADER, "")
    shown = {
        server: {
            **described,
            "Role": "Single",
            "Leading": server == leader,
            "Engine": "rocksdb",
            "Version": value_at(tree, f"{keys.REGISTERED}/{server}/versionString", ""),
        }
        for server, described in health.items()
    }
    return answer.members({"Health": shown})


async def _read(member: Member, *paths: str) -> dict[str, Any]:
    try:
        return await member.agency.read(*paths, timeout_s=_ANSWER_S)
    except AgencyUnavailable:
        raise _no_leader() from None


def _no_leader() -> ArangoError:
    return ArangoError(1495, "leadership challenge is ongoing", headers={"x-arango-endpoint": ""})


def _member(call: Call) -> Member:
    if call.services.member is None:
        raise ArangoError(11, "automatic failover is not enabled")
    return call.services.member


ROUTES = (
    Route("GET", "/_api/cluster/endpoints", get_endpoints),
    Route("GET", "/_admin/cluster/health", get_health),
)
