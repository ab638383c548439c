"""AgencyServer: an agent as a server of its own. It keeps no documents.

Life: listen, recover what the agent had promised, take part; then refuse new requests, stop taking part,
close. All requests need a superuser's token if authentication is on, except those that ask whether it is
there.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from reference import VERSION
from reference.agency.agent import Agent
from reference.agency.supervision import Job, Supervision
from reference.api import answer, journal
from reference.api.agency import PREFIX, AgencyApi
from reference.api.tokens import Tokens
from reference.errors import ArangoError
from reference.server import CannotListen
from reference.world import Response

if TYPE_CHECKING:
    from reference.options import Options
    from reference.world import Listener, Request, World


class AgencyServer:
    """One agent's process."""

    def __init__(
        self,
        world: World,
        options: Options,
        tell: Callable[[str, str], object],
        *,
        secret: str = "",
        jobs: Sequence[Job] = (),
    ) -> None:
        """`tell` gets the log. `secret` is common to all agents and servers. `jobs` are the supervision's."""
        self._world = world
        self._options = options
        self._log = journal.Journal(world.clock, tell, options.log.level)
        self._tokens = Tokens(secret, world.clock, options.server.session_timeout_s)
        self._jobs = jobs
        self._authorization: Mapping[str, str] | None = None
        self._agent: Agent | None = None
        self._api: AgencyApi | None = None
        self._supervision: Supervision | None = None
        self._listener: Listener | None = None
        self._stopping = False
        self._failed = False
        self._asked_to_stop = asyncio.Event()

    async def run(self) -> None:
        """Serve until `stop` is called. Raises CannotListen, CorruptStorage, and OSError (the disk)."""
        endpoint = self._options.server.endpoint
        try:
            self._listener = await self._world.network.serve(endpoint, self.handle)
        except OSError as error:
            raise CannotListen(f"{endpoint}: {error.strerror or error}") from None
        try:
            await self.start()
            self._log("info", f"agent {VERSION} is ready for business on {endpoint}")
            await self._asked_to_stop.wait()
        finally:
            await self.close()
        if self._failed:
            raise OSError(errno.EIO, "the agent could not go on; its log says why")
        self._log("info", "the agent has been shut down")

    def stop(self) -> None:
        """Begin a graceful shutdown; `run` returns when it is done."""
        self._stopping = True
        self._asked_to_stop.set()

    async def start(self) -> None:
        """Recover, and take part, without listening."""
        agent = await Agent.open(self._world, self._options.agency, self._log, self._headers)
        self._agent, self._api = agent, AgencyApi(agent)
        agent.start(self._fail)
        if self._options.agency.supervision:
            self._supervision = Supervision(self._world, agent, self._jobs, self._log)
            self._supervision.start(self._fail)

    def _fail(self) -> None:
        self._failed = True
        self.stop()

    async def close(self) -> None:
        """Take part no more, and close the listener and the log."""
        self._stopping = True
        if self._supervision is not None:
            await self._supervision.stop()
        if self._agent is not None:
            await self._agent.stop()
        if self._listener is not None:
            await self._listener.close()

    async def handle(self, request: Request) -> Response:
        """Answer one request. Never raises, whatever the request is."""
        try:
            return await self._answer(request)
        except ArangoError as error:
            error.extra.setdefault("message", error.message)  # the agency's own word for it
            return answer.refusal(error)
        except Exception as error:  # noqa: BLE001 - a defect of one handler must cost one request, not the agent
            sentence = f"{type(error).__name__}: {error}"
            self._log("error", f"{request.method} {request.target[:200]} failed: {sentence}")
            return answer.refusal(ArangoError(4, f"internal error: {sentence}"))

    async def _answer(self, request: Request) -> Response:
        if self._stopping:
            raise ArangoError(30, "shutdown in progress")
        api = self._api
        if api is None:
            raise ArangoError(503, "service unavailable due to startup or maintenance mode")
        path = request.target.partition("?")[0]
        if path == "/_admin/server/availability":
            return answer.members({"mode": "default"})
        self._require_superuser(request)
        if path.startswith(PREFIX):
            return await api.handle(request)
        return self._about_itself(request.method, path)

    def _about_itself(self, method: str, path: str) -> Response:
        match method, path:
            case "GET", "/_api/version":
                return answer.plain({"server": "arango", "license": "community", "version": VERSION})
            case "GET", "/_admin/server/role":
                return answer.members({"role": "AGENT", "mode": "default"})
            case "DELETE", "/_admin/shutdown":
                self.stop()
                return answer.plain("OK")
        raise ArangoError(404, f"an agent does not serve {method} {path}")

    def _require_superuser(self, request: Request) -> None:
        if not self._options.server.authentication:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self._tokens.verify(token.strip()) if scheme.lower() == "bearer" else None
        if claims is None:
            raise ArangoError(11, "not authorized to execute this request", status=401)
        if claims.user:
            raise ArangoError(11, "an agent serves only servers, with a token that the common secret signed")

    def _headers(self) -> Mapping[str, str]:
        if not self._options.server.authentication:
            return {}
        if self._authorization is None:
            token = self._tokens.for_server(self._options.agency.my_address)
            self._authorization = {"authorization": f"bearer {token}"}
        return self._authorization
