"""/_api/agency: the tree by HTTP, and the agents' messages to each other.

Only the leader answers for the tree. Another agent sends the caller there: 307 with `Location`; if nobody
leads, 503 `{"message": "No leader"}` after a while in which somebody might. A 503 that comes after a write
was taken says "lost leadership, the outcome is unknown". `read` and `inquire` are linearizable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from reference import VERSION
from reference.agency.agent import Agent, LostLeadership, NotLeading
from reference.agency.client import LOST_LEADERSHIP
from reference.agency.peers import decode_messages
from reference.agency.transaction import Read, array_of, parse_mixed, parse_read, parse_write
from reference.api import answer
from reference.api.call import parse
from reference.errors import ArangoError
from reference.world import Response

if TYPE_CHECKING:
    from reference.world import Request

PREFIX = "/_api/agency"


class AgencyApi:
    """The handlers of one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._calls: dict[str, tuple[str, Callable[[Request], Awaitable[Response]]]] = {
            "/_api/agency/read": ("POST", self._read),
            "/_api/agency/write": ("POST", self._write),
            "/_api/agency/transact": ("POST", self._transact),
            "/_api/agency/transient": ("POST", self._transient),
            "/_api/agency/inquire": ("POST", self._inquire),
            "/_api/agency/config": ("GET", self._config),
            "/_api/agency/state": ("GET", self._state),
            "/_api/agency/stores": ("GET", self._stores),
            "/_api/agency_priv/messages": ("POST", self._messages),
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request below PREFIX. Raises ArangoError for unknown paths and methods."""
        path = request.target.partition("?")[0].rstrip("/")
        found = self._calls.get(path)
        if found is None:
            number = 405 if path.count("/") == 3 else 404
            raise ArangoError(number, f"unknown path '{path}'", status=404)
        method, call = found
        if request.method != method:
            raise ArangoError(405, "method not supported")
        try:
            if method == "POST" and path.startswith(f"{PREFIX}/"):
                self._agent.require_leading()
            return await call(request)
        except NotLeading as problem:
            return await self._elsewhere(request, problem)
        except LostLeadership:
            return answer.plain({"message": LOST_LEADERSHIP}, 503)

    async def _elsewhere(self, request: Request, problem: NotLeading) -> Response:
        leader = problem.leader
        if leader is None:
            await self._agent.wait_for_leader()
            name = self._agent.leader
            leader = None if name is None else self._agent.endpoints[name]
        if leader is None:
            return answer.plain({"message": "No leader"}, 503)
        return answer.empty(307, {"location": leader.replace("tcp://", "http://", 1) + request.target})

    async def _read(self, request: Request) -> Response:
        reads = [parse_read(element) for element in _array(request)]
        await self._agent.readable()
        tree = self._agent.store.tree
        return answer.plain([tree.read(read.paths) for read in reads])

    async def _write(self, request: Request) -> Response:
        writes = _array(request)
        for write in writes:
            parse_write(write)
        results = await self._agent.write(writes)
        return answer.plain({"results": results}, 200 if all(results) else 412)

    async def _transact(self, request: Request) -> Response:
        body = _array(request)
        results: list[Any] = []
        # All are understood before the first one happens.
        for element, parsed in [(element, parse_mixed(element)) for element in body]:
            if isinstance(parsed, Read):
                await self._agent.readable()
                results.append(msgspec.Raw(answer.encode(self._agent.store.tree.read(parsed.paths))))
            else:
                results += await self._agent.write([element])
        return answer.plain(results, 412 if 0 in results else 200)

    async def _transient(self, request: Request) -> Response:
        results: list[Any] = []
        for parsed in [parse_mixed(element) for element in _array(request)]:
            if isinstance(parsed, Read):
                found = self._agent.read_transient().tree.read(parsed.paths)
                results.append(msgspec.Raw(answer.encode(found)))
            else:
                results.append(self._agent.write_transient(parsed))
        return answer.plain(results, 412 if 0 in results else 200)

    async def _inquire(self, request: Request) -> Response:
        client_ids = _array(request)
        if not all(isinstance(client_id, str) for client_id in client_ids):
            raise ArangoError(400, "inquire needs an array of client ids")
        await self._agent.readable()
        results = [self._agent.store.inquire(client_id) for client_id in client_ids]
        return answer.plain({"results": results}, 200 if any(results) else 404)

    async def _config(self, _: Request) -> Response:
        agent = self._agent
        options = agent.options
        configuration = {
            "pool": agent.endpoints,
            "active": list(agent.endpoints),
            "id": agent.name,
            "agency size": options.size,
            "pool size": options.size,
            "endpoint": options.my_address,
            "min ping": options.election_timeout_min_s,
            "max ping": options.election_timeout_max_s,
            "supervision": options.supervision,
            "supervision frequency": options.supervision_frequency_s,
            "supervision grace period": options.supervision_grace_period_s,
            "supervision ok threshold": options.supervision_ok_threshold_s,
            "compaction step size": options.compaction_step_size,
            "compaction keep size": options.compaction_keep_size,
        }
        return answer.plain(
            {
                "term": agent.term,
                "leaderId": agent.leader or "",
                "role": agent.role,
                "commitIndex": agent.store.index,
                "configuration": configuration,
                "version": VERSION,
            }
        )

    async def _state(self, _: Request) -> Response:
        entries = [
            {"index": entry.index, "term": entry.term, "entry": msgspec.Raw(entry.data or b"null")}
            for entry in self._agent.entries
        ]
        return answer.plain(entries)

    async def _stores(self, _: Request) -> Response:
        agent = self._agent
        transient = agent.transient.tree.root if agent.leads else {}
        return answer.plain({"read_db": [agent.store.tree.root], "transient": [transient]})

    async def _messages(self, request: Request) -> Response:
        try:
            messages = decode_messages(request.body)
        except msgspec.DecodeError as error:
            raise ArangoError(400, f"not a message of an agent: {error}") from None
        self._agent.receive(messages)
        return answer.empty(200)


def _array(request: Request) -> Any:
    return array_of(parse(request.body))
