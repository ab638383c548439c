"""Gate: what each request gets on a member of an active failover.

* The leader answers, as long as it may: checked when a request comes and again before its answer goes out.
* A follower refuses with 503/1496 and the leader's address (AF-FOLLOWER-DENIES, AF-READ-DENIED,
  AF-503-ENDPOINT), whoever asks for whatever: neither databases nor users matter yet.
* Where nobody is known to lead, and on a leader whose lease is over: 503/1495 and an empty address.
* Reads with `x-arango-allow-dirty-read: true` are answered by whoever gets them (AF-DIRTY-READ); writes with
  it get 403/1004. Every answer of a server that does not lead is marked (AF-DIRTY-MARK).
* Some paths are open everywhere: those that servers and administrators need (`_OPEN`).

A write whose lease was over before its answer went out was refused with 503/1495 too, though it may have been
done: the message says so. Nobody can tell whether it will survive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum

from reference.errors import ArangoError
from reference.failover.lease import Lease
from reference.world import Request, Response

_OPEN = (
    *("/_admin/cluster/health", "/_admin/compact", "/_admin/log", "/_admin/metrics", "/_admin/server/"),
    *("/_admin/shutdown", "/_admin/statistics", "/_admin/status", "/_api/agency/agency-callbacks"),
    *("/_api/cluster/", "/_api/engine/stats", "/_api/replication", "/_api/ttl/statistics", "/_api/wal"),
)
_OPEN_ON_FOLLOWERS = ("/_api/version",)
# Commands that would make the applier overwrite the data: writes of a client, on a path that is open.
_COMMANDS = tuple(f"/_api/replication/{name}" for name in ("sync", "make-follower", "make-slave", "applier-"))
_READ_METHODS = ("GET", "HEAD", "OPTIONS")
# Reads by another method. A transaction may begin: what it would write is refused.
_READS = (
    *("/_open/auth", "/_api/cursor", "/_api/job", "/_api/transaction"),
    *("/_api/simple/all", "/_api/simple/all-keys", "/_api/simple/lookup-by-keys"),
)
_TRUE = frozenset(("true", "yes", "on", "y", "1"))
ENDPOINT = "x-arango-endpoint"
MARK = "x-arango-potential-dirty-read"


class Role(Enum):
    """What this server is, as far as it knows."""

    LEADER = "leader"
    FOLLOWER = "follower"
    UNKNOWN = "unknown"


class Gate:
    """The gate of one server."""

    def __init__(self, lease: Lease, refusal: Callable[[ArangoError], Response]) -> None:
        """`refusal` makes an answer of an error."""
        self._lease = lease
        self._refusal = refusal
        self._role = Role.UNKNOWN
        self._leader = ""
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def role(self) -> Role:
        """The role that requests are answered in now: a leader without a lease is none."""
        if self._role is Role.LEADER and not self._lease.is_valid:
            return Role.UNKNOWN
        return self._role

    def become(self, role: Role, leader: str = "") -> None:
        """Answer in this role from now on; `leader` is a follower's leader, `tcp://host:port`."""
        self._role = role
        self._leader = leader

    async def emptied(self) -> None:
        """Return when no request is under way that was admitted as the leader's."""
        await self._empty.wait()

    async def serve(self, request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
        """Answer a request: by `work`, which does not raise, or by a refusal."""
        role = self.role
        path = _path(request.target)
        is_open = _is_open(path, role)
        try:
            if role is not Role.LEADER:
                self._check(request, path, is_open=is_open)
                return self._marked(await work())
            return await self._as_leader(request, work, is_open=is_open)
        except ArangoError as error:
            return self._marked(self._refusal(error))

    async def _as_leader(
        self, request: Request, work: Callable[[], Awaitable[Response]], *, is_open: bool
    ) -> Response:
        self._inside += 1
        self._empty.clear()
        try:
            response = await work()
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()
        if self.role is Role.LEADER:
            return response
        if is_open or (_is_dirty(request) and request.method in _READ_METHODS):
            return self._marked(response)
        raise ArangoError(
            1495,
            "leadership challenge is ongoing: the lease ended before the answer was ready, so whether this "
            "was done is unknown",
        )

    def _check(self, request: Request, path: str, *, is_open: bool) -> None:
        """Raise unless the request may be answered by a server that does not lead."""
        is_read = request.method in _READ_METHODS
        if is_open:
            if not is_read and path.startswith(_COMMANDS):
                raise ArangoError(
                    1004, "server is in read-only mode: the applier is not a client's to command"
                )
            return
        if not _is_dirty(request):
            raise self._not_a_leader()
        if not is_read and not _is_read_in_disguise(request, path):
            raise ArangoError(1004, "server is in read-only mode")

    def _not_a_leader(self) -> ArangoError:
        if self.role is Role.FOLLOWER:
            return ArangoError(1496, "not a leader")
        return ArangoError(1495, "leadership challenge is ongoing")

    def _marked(self, response: Response) -> Response:
        leader = self._leader if self.role is Role.FOLLOWER else ""
        address = leader.replace("tcp://", "http://", 1)
        return Response(response.status, {**response.headers, ENDPOINT: address, MARK: "true"}, response.body)


def _path(target: str) -> str:
    """The path without query and database."""
    path = "/" + "/".join(segment for segment in target.partition("?")[0].split("/") if segment)
    if path.startswith("/_db/"):
        return "/" + path.removeprefix("/_db/").partition("/")[2]
    return path


def _is_open(path: str, role: Role) -> bool:
    return path.startswith(_OPEN) or (role is Role.FOLLOWER and path.startswith(_OPEN_ON_FOLLOWERS))


def _is_dirty(request: Request) -> bool:
    return request.headers.get("x-arango-allow-dirty-read", "").lower() in _TRUE


def _is_read_in_disguise(request: Request, path: str) -> bool:
    if path.startswith("/_api/document/") and request.method == "PUT":
        return "onlyget=true" in request.target.partition("?")[2].lower()
    return path in _READS or path.startswith(tuple(read + "/" for read in _READS))
