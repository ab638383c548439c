"""Agents and servers of an active failover as real processes on loopback, with fast timings.

A heartbeat is 0.15 s, a lease 1.5 s, and the agency waits for 2 s before it replaces a leader. Their folders
are in memory where the system has such a place: a disk that others keep busy can take longer for a sync than
a lease lasts, and then nobody leads. What survives a crash is tested elsewhere.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from tests.reference.server_process import Reply, ServerProcess, wait_until

HEARTBEAT_S, LEASE_S, GRACE_S = 0.15, 1.5, 2.0
DIRTY = {"x-arango-allow-dirty-read": "true"}
_MEMORY = Path("/dev/shm")
_LEADER = "/arango/Plan/AsyncReplication/Leader"


class Group:
    """`agents` agents and `servers` servers, none of them started."""

    def __init__(
        self, folder: Path, *, agents: int = 1, servers: int = 2, options: tuple[str, ...] = ()
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._memory = TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else folder)
        folder = Path(self._memory.name)
        self.agents = [ServerProcess(folder / f"agent{number}") for number in range(agents)]
        for agent in self.agents:
            agent.options = (
                *agent.options,
                "--agency.activate=true",
                f"--agency.size={agents}",
                f"--agency.my-address={agent.endpoint}",
                *(f"--agency.endpoint={other.endpoint}" for other in self.agents),
                "--agency.supervision=true",
                "--agency.supervision-frequency=0.1",
                f"--agency.supervision-grace-period={GRACE_S}",
                "--agency.supervision-ok-threshold=1.0",
                "--agency.election-timeout-min=0.3",
                "--agency.election-timeout-max=0.6",
            )
        self.servers = [self.server(folder / f"server{number}", *options) for number in range(servers)]

    def server(self, directory: Path, *options: str) -> ServerProcess:
        """A server of this group, not started."""
        server = ServerProcess(directory)
        server.options = (
            *server.options,
            "--replication.automatic-failover=true",
            "--cluster.my-role=SINGLE",
            f"--cluster.my-address={server.endpoint}",
            *(f"--cluster.agency-endpoint={agent.endpoint}" for agent in self.agents),
            f"--cluster.heartbeat-interval={HEARTBEAT_S}",
            f"--replication.active-failover-leader-grace-period={LEASE_S}",
            *options,
        )
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (*self.servers, *self.agents):
            process.kill()
        self._memory.cleanup()

    def start(self) -> Self:
        """Start all, the first server clearly earlier; wait until it leads and the others have its data."""
        start_all(self.agents)
        self.servers[0].start()
        self.wait_leader(self.servers[0])
        start_all(self.servers[1:])
        for follower in self.servers[1:]:
            self.caught_up(follower, self.servers[0])
        return self

    def wait_leader(self, *among: ServerProcess, timeout_s: float = 20.0) -> ServerProcess:
        """Wait until one of `among` (all, if none is named) answers as leader; that one."""
        found: list[ServerProcess] = []

        def leads() -> bool:
            found[:] = [server for server in among or self.servers if leading(server)]
            return bool(found)

        wait_until(leads, "a server leads", timeout_s=timeout_s)
        return found[0]

    def caught_up(self, follower: ServerProcess, leader: ServerProcess) -> None:
        """Wait until a follower has what the leader has now."""
        tick = int(leader.call("GET", "/_api/wal/lastTick").expect(200)["tick"])

        def reached() -> bool:
            state = applier(follower)
            return (
                state.get("endpoint") == leader.endpoint
                and state["state"]["phase"] == "running"
                and int(state["state"]["lastProcessedContinuousTick"] or 0) >= tick
            )

        wait_until(reached, f"{follower.directory.name} reaches tick {tick}")

    def agency(self, operation: str, body: Any) -> Any:
        """One request to the agency's leader."""
        for agent in self.agents * 50:
            with contextlib.suppress(OSError, http.client.HTTPException):
                reply = agent.call("POST", f"/_api/agency/{operation}", body, timeout_s=5.0)
                if reply.status in (200, 412):
                    return reply.json()
            time.sleep(0.05)
        raise AssertionError("no leader of the agency answers")

    def value(self, path: str) -> Any:
        """The value of one key of the agency's tree; None if there is none."""
        node = self.agency("read", [[path]])[0]
        for name in path.strip("/").split("/"):
            node = node.get(name) if isinstance(node, dict) else None
        return node

    def id_of(self, server: ServerProcess) -> str:
        """`SNGL-...` of a server."""
        registered = self.value("/arango/Current/ServersRegistered")
        return next(str(name) for name, known in registered.items() if known["endpoint"] == server.endpoint)

    def named(self) -> str:
        """The leader that the agency names, "" if none."""
        return str(self.value(_LEADER) or "")


def start_all(processes: list[ServerProcess]) -> None:
    """Start several at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda process: process.start(), processes))


def leading(server: ServerProcess) -> bool:
    """Whether a server answers as leader now, be it that it does not know who asks."""
    return attempt(server, "GET", "/_api/database/current")[0] in (200, 401)


def attempt(
    server: ServerProcess, method: str, path: str, body: Any = None, *, timeout_s: float = 5.0
) -> tuple[int, int | None]:
    """(status, errorNum) of a request; (0, None) if there is no answer."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        reply = server.call(method, path, body, timeout_s=timeout_s)
        return reply.status, reply.json().get("errorNum") if reply.status >= 400 else None
    return 0, None


def applier(server: ServerProcess) -> Any:
    """The state of the server-wide applier."""
    return server.call("GET", "/_api/replication/applier-state?global=true").expect(200)


def create(server: ServerProcess, *collections: str, database: str = "_system") -> None:
    """Create collections."""
    for name in collections:
        server.call("POST", f"/_db/{database}/_api/collection", {"name": name}).expect(200)


def insert(server: ServerProcess, collection: str, *keys: str, database: str = "_system") -> None:
    """Insert documents, each by its own request."""
    for key in keys:
        server.call("POST", f"/_db/{database}/_api/document/{collection}", {"_key": key}).expect(201, 202)


def documents(server: ServerProcess, collection: str, database: str = "_system") -> dict[str, str]:
    """Key and revision of every document, read dirtily if need be."""
    body = {"collection": collection, "batchSize": 1_000_000}
    path = f"/_db/{database}/_api/simple/all"
    return {d["_key"]: d["_rev"] for d in server.call("PUT", path, body, DIRTY).expect(201)["result"]}


def keys_of(server: ServerProcess, collection: str, database: str = "_system") -> set[str]:
    """The keys of a collection; empty if it is not there."""
    reply = server.call(
        "PUT", f"/_db/{database}/_api/simple/all", {"collection": collection, "batchSize": 1_000_000}, DIRTY
    )
    return {d["_key"] for d in reply.json()["result"]} if reply.status == 201 else set()


def within(condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> float:
    """Wait for a condition; the seconds that it took."""
    began = time.monotonic()
    wait_until(condition, what, timeout_s=timeout_s)
    return time.monotonic() - began


def refused(reply: Reply, status: int, number: int) -> dict[str, str]:
    """Check a refusal; its headers."""
    reply.refused(status, number)
    return reply.headers
