"""AgencyClient: how servers talk to the agency.

It remembers the leader, follows redirects, and asks the next agent if one does not answer. A write has one
of four ends: it happened (an index), its preconditions failed (None), it certainly did not happen
(AgencyUnavailable), or nobody can tell (AgencyOutcomeUnknown). Before it says the last, it has asked the
agency for the write's client id until the time was over. A write is never repeated once it may have
happened: that an inquiry does not find it does not mean that it is not still on its way.

    client = AgencyClient(world, ["tcp://a:1", "tcp://b:1", "tcp://c:1"])
    won = await client.write({"/arango/Leader": me}, {"/arango/Leader": {"oldEmpty": True}})
    tree = await client.read("/arango/Plan", "/arango/Shutdown")
    leader = value_at(tree, "/arango/Plan/Leader")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from reference.agency.tree import path_of
from reference.world import Request, Response, Unreachable, World

LOST_LEADERSHIP = "lost leadership, the outcome is unknown"
"""The message of a 503 whose write may still happen. Any other 503 comes before anything happened."""
_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.2


class AgencyUnavailable(Exception):  # noqa: N818 - a state of the agency, named as such
    """No leader took the request in time. Nothing happened."""


class AgencyOutcomeUnknown(Exception):  # noqa: N818 - see AgencyUnavailable
    """The request may have happened, or may still happen."""


class AgencyRefused(Exception):  # noqa: N818 - see AgencyUnavailable
    """The agency does not understand the request, or does not trust its sender. Nothing happened."""


def value_at(tree: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value at `path` of what `read` returned, or `default` if nothing is there."""
    node: Any = tree
    for segment in path_of(path):
        if not isinstance(node, Mapping) or segment not in node:
            return default
        node = node[segment]
    return node


class AgencyClient:
    """One server's access to the agency. Calls may overlap."""

    def __init__(
        self,
        world: World,
        endpoints: Sequence[str],
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        timeout_s: float = 5.0,
        attempt_s: float = 1.0,
    ) -> None:
        """`endpoints` are the agents' `tcp://host:port`; `headers` are added to each request (authorization).

        `timeout_s` is for a whole call, unless it brings its own; `attempt_s` for one agent's answer.
        """
        self._world = world
        self._endpoints = list(endpoints)
        self._headers = headers
        self._timeout_s = timeout_s
        self._attempt_s = attempt_s
        self._target = self._endpoints[world.random.randrange(len(self._endpoints))]

    @property
    def target(self) -> str:
        """The agent that the next request goes to: the leader, as far as known."""
        return self._target

    async def read(self, *paths: str, timeout_s: float | None = None) -> dict[str, Any]:
        """One object with these paths from the root down, as of one moment within the call.

        Raises AgencyUnavailable.
        """
        answer = await self._repeat("/_api/agency/read", [list(paths)], timeout_s)
        found: list[dict[str, Any]] = msgspec.json.decode(answer.body)
        return found[0]

    async def write(
        self,
        operations: Mapping[str, Any],
        preconditions: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> int | None:
        """Its index, or None if a precondition failed.

        Raises AgencyUnavailable, AgencyOutcomeUnknown, AgencyRefused.
        """
        client_id = f"{self._world.random.getrandbits(128):032x}"
        deadline_ns = self._deadline_ns(timeout_s)
        body = [[operations, preconditions or {}, client_id]]
        answer = await self._once("/_api/agency/write", body, deadline_ns)
        if answer is None:
            return await self._find(client_id, deadline_ns)
        return msgspec.json.decode(answer.body)["results"][0] or None

    async def transact(self, transactions: Sequence[Any], *, timeout_s: float | None = None) -> list[Any]:
        """An element for each: an object for a read (array of paths), an index or 0 for a write.

        Raises AgencyUnavailable, AgencyOutcomeUnknown, AgencyRefused.
        """
        answer = await self._once("/_api/agency/transact", transactions, self._deadline_ns(timeout_s))
        if answer is None:
            raise AgencyOutcomeUnknown("the agency did not say what became of the transactions")
        results: list[Any] = msgspec.json.decode(answer.body)
        return results

    async def transient(self, transactions: Sequence[Any], *, timeout_s: float | None = None) -> list[Any]:
        """Like `transact` on the leader's transient tree, which a change of leader empties.

        May happen more than once, for it is repeated until it is answered. Raises AgencyUnavailable.
        """
        answer = await self._repeat("/_api/agency/transient", transactions, timeout_s)
        results: list[Any] = msgspec.json.decode(answer.body)
        return results

    async def inquire(self, client_id: str, *, timeout_s: float | None = None) -> int | None:
        """The index of the write with this client id, the last one of several; None if there is none so far.

        Raises AgencyUnavailable.
        """
        answer = await self._repeat("/_api/agency/inquire", [client_id], timeout_s)
        found = msgspec.json.decode(answer.body)["results"][0]
        index: int = found[-1] if isinstance(found, list) else found
        return index or None

    async def _find(self, client_id: str, deadline_ns: int) -> int:
        """The index of a write whose answer was lost."""
        pause_s = _PAUSE_S
        while (left_s := self._left_s(deadline_ns)) > 0:
            try:
                index = await self.inquire(client_id, timeout_s=left_s)
            except AgencyUnavailable:
                break
            if index is not None:
                return index
            await self._world.clock.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        raise AgencyOutcomeUnknown("the agency did not say in time whether the write happened")

    async def _repeat(self, path: str, body: Any, timeout_s: float | None) -> Response:
        """The leader's answer to a request that may happen twice."""
        deadline_ns = self._deadline_ns(timeout_s)
        while self._left_s(deadline_ns) > 0:
            answer = await self._once(path, body, deadline_ns)
            if answer is not None:
                return answer
            await self._world.clock.sleep(_PAUSE_S)
        raise AgencyUnavailable("no leader of the agency answered in time")

    async def _once(self, path: str, body: Any, deadline_ns: int) -> Response | None:
        """The leader's answer to a request that it got once. None: it may have happened.

        Raises AgencyUnavailable if no leader took it.
        """
        request = Request("POST", path, self._headers(), msgspec.json.encode(body))
        pause_s = _PAUSE_S
        while (left_s := self._left_s(deadline_ns)) > 0:
            target = self._target
            try:
                answer = await self._world.network.request(
                    target, request, timeout_s=min(left_s, self._attempt_s)
                )
            except Unreachable as problem:
                self._leave(target)
                if problem.sent:
                    return None
            else:
                if answer.status == 307 and self._follow(target, answer):
                    continue
                if answer.status not in (307, 503):
                    return _understood(path, answer)
                self._leave(target)
                if LOST_LEADERSHIP.encode() in answer.body:
                    return None
            await self._world.clock.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        raise AgencyUnavailable("no leader of the agency took the request in time")

    def _follow(self, target: str, answer: Response) -> bool:
        """Turn to the leader that an agent names; whether that is another one."""
        place = urlsplit(answer.headers.get("location", ""))
        named = f"tcp://{place.netloc}"
        if not place.netloc or named == target:
            return False
        if self._target == target:
            self._target = named
        return self._target != target

    def _leave(self, target: str) -> None:
        """Turn to the next agent, unless another call has done so already."""
        if self._target == target:
            known = self._endpoints
            position = known.index(target) if target in known else 0
            self._target = known[(position + 1) % len(known)]

    def _deadline_ns(self, timeout_s: float | None) -> int:
        seconds = self._timeout_s if timeout_s is None else timeout_s
        return self._world.clock.monotonic_ns() + int(seconds * 1e9)

    def _left_s(self, deadline_ns: int) -> float:
        return (deadline_ns - self._world.clock.monotonic_ns()) / 1e9


def _understood(path: str, answer: Response) -> Response | None:
    if answer.status in (200, 412) or (answer.status == 404 and path.endswith("/inquire")):
        return answer
    if 400 <= answer.status < 500 and answer.status != 408:
        raise AgencyRefused(f"{path}: {answer.status} {answer.body[:300].decode(errors='replace')}")
    return None
