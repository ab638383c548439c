"""AgencyConnection: one process's way into the agency, through whichever agent leads.

Implements `workloads.protocol.failover.Agency`. An agent that does not lead sends the client to the one that
does (307): the request was never begun and goes there. Whatever else a write is answered is not definite: a
503 can come from a leader that lost its office while the write was in its log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from harness.databases.arango_http.place import node_at
from harness.environment import Answer, Transport, TransportError
from workloads.protocol.outcome import RequestError

_HOPS = 4
READ_S = 1.0
"""A read that nobody answers changes nothing, so it is given up early: it may be wanted by somebody who looks
often."""


class AgencyConnection:
    """`endpoints` is where each agent is; `first` is the number of the agent that is asked first."""

    def __init__(
        self,
        endpoints: Mapping[str, str],
        connect: Callable[[str], Transport],
        *,
        timeout_s: float,
        first: int = 0,
    ) -> None:
        self._endpoints = dict(endpoints)
        self._agents = list(endpoints)
        self._connect = connect
        self._timeout_s = timeout_s
        self._at = first % len(self._agents)
        self._transports: dict[str, Transport] = {}

    async def read(self, paths: Sequence[str]) -> Any:
        """The tree below these paths, as of one moment, nested from the root."""
        wait_s = min(READ_S, self._timeout_s)
        return (await self._ask("/_api/agency/read", [list(paths)], timeout_s=wait_s))[0]

    async def write(self, values: Mapping[str, Any], expected: Mapping[str, Any] | None = None) -> int:
        """Set all these paths in one step, if all `expected` ones hold exactly that (None: nothing)."""
        operations = {path: {"op": "set", "new": value} for path, value in values.items()}
        conditions = {
            path: {"oldEmpty": True} if value is None else {"old": value}
            for path, value in (expected or {}).items()
        }
        answer = await self._ask("/_api/agency/write", [[operations, conditions]], refused=412)
        return int(answer["results"][0])

    async def observe(self, path: str, url: str) -> None:
        """Have `url` told from now on when something at, below or above the path is written."""
        await self._ask("/_api/agency/write", [[{path: {"op": "observe", "url": url}}]])

    async def leads(self) -> bool:
        """Whether some agent leads; raises RequestError where none can be asked."""
        await self.read(["/"])
        return True

    async def _ask(self, path: str, body: Any, *, refused: int = 200, timeout_s: float | None = None) -> Any:
        """The decoded answer of the leader, with status 200 or `refused`."""
        encoded = msgspec.json.encode(body)
        for _ in range(_HOPS):
            answer = await self._request(path, encoded, timeout_s or self._timeout_s)
            if answer.status == 307 and self._follow(answer):
                continue
            if answer.status in (200, refused):
                return msgspec.json.decode(answer.body)
            break
        self._move_on()
        text = answer.body[:200].decode(errors="replace")
        raise RequestError(f"{answer.status} {text}", definite=answer.status == 307, status=answer.status)

    async def _request(self, path: str, body: bytes, timeout_s: float) -> Answer:
        agent = self._agents[self._at]
        if agent not in self._transports:
            self._transports[agent] = self._connect(agent)
        try:
            return await self._transports[agent].request(
                "POST", path, headers={}, body=body, timeout_s=timeout_s
            )
        except TransportError as error:
            self._move_on()
            raise RequestError(f"{agent}: {error}", definite=not error.sent) from error

    def _follow(self, answer: Answer) -> bool:
        location = urlsplit(answer.headers.get("location", ""))
        agent = node_at(self._endpoints, f"http://{location.netloc}")
        if agent is None or agent == self._agents[self._at]:
            return False
        self._at = self._agents.index(agent)
        return True

    def _move_on(self) -> None:
        self._at = (self._at + 1) % len(self._agents)

    async def close(self) -> None:
        """Drop every connection."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()
