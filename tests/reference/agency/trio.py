"""Three real agents on loopback."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.reference.server_process import Reply, ServerProcess, wait_until

FAST = ("--agency.election-timeout-min=0.3", "--agency.election-timeout-max=0.6")


class Trio:
    """The agents. `leader` is the one that the others and itself name."""

    def __init__(self, agents: list[ServerProcess]) -> None:
        self.agents = agents

    def config(self, agent: ServerProcess) -> dict[str, Any]:
        found: dict[str, Any] = agent.call("GET", "/_api/agency/config", timeout_s=5).expect(200)
        return found

    def leaders(self) -> list[ServerProcess]:
        """Those that believe to lead."""
        return [a for a in self.agents if a.process is not None and self.config(a)["role"] == "leader"]

    def leader(self) -> ServerProcess:
        """Wait for one that leads, and that a read proves to lead."""
        found: list[ServerProcess] = []

        def leads() -> bool:
            found[:] = [a for a in self.leaders() if self.read_from(a, "/x").status == 200]
            return len(found) == 1

        wait_until(leads, "one agent leads")
        return found[0]

    def followers(self) -> list[ServerProcess]:
        leader = self.leader()
        return [agent for agent in self.agents if agent is not leader]

    def read_from(self, agent: ServerProcess, *paths: str) -> Reply:
        return agent.call("POST", "/_api/agency/read", [list(paths)], timeout_s=5)

    def read(self, *paths: str) -> Any:
        return self.read_from(self.leader(), *paths).expect(200)[0]

    def write(self, operations: dict[str, Any], preconditions: dict[str, Any] | None = None) -> Reply:
        return self.leader().call("POST", "/_api/agency/write", [[operations, preconditions or {}]])

    def follow(self, agent: ServerProcess, path: str, body: Any) -> Reply:
        """As a client does: go where the answer sends it."""
        reply = agent.call("POST", path, body)
        if reply.status == 307:
            place = urlsplit(reply.headers["location"])
            (named,) = [a for a in self.agents if f"127.0.0.1:{a.port}" == place.netloc]
            return named.call("POST", place.path, body)
        return reply

    def heal(self) -> None:
        """Start whoever is down."""
        for agent in self.agents:
            if agent.process is None:
                agent.start(*agent.options[1:])


@contextmanager
def trio(folder: Path, *options: str, size: int = 3) -> Iterator[Trio]:
    """Agents with a folder each, running; killed at the end."""
    agents = [ServerProcess(folder / f"agent{number}") for number in range(size)]
    pool = tuple(f"--agency.endpoint={agent.endpoint}" for agent in agents)
    for agent in agents:
        own = ("--agency.activate=true", f"--agency.size={size}", f"--agency.my-address={agent.endpoint}")
        agent.options = (*agent.options, *own, *pool, *FAST, *options)
    try:
        for agent in agents:
            agent.spawn()
        for agent in agents:
            wait_until(lambda agent=agent: _answers(agent), "the agent answers")
        yield Trio(agents)
    finally:
        for agent in agents:
            agent.kill()


def _answers(agent: ServerProcess) -> bool:
    assert agent.process is not None
    assert agent.process.poll() is None, agent.tail()
    with contextlib.suppress(OSError, http.client.HTTPException):
        return agent.call("GET", "/_admin/server/availability", timeout_s=2.0).status == 200
    return False
