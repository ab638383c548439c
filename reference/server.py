"""Server: one server's life, and the way of a request through it.

Life: listen, recover the data, create what must be there, start the appliers, serve; then refuse new
requests, let those in progress end, stop what runs in the background, close the data. While it starts or
stops every request gets the refusal that arangod gives.

A request: database prefix, caller, route, rights, then the handler; with `x-arango-async` the handler runs
as a job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import unquote

from reference import VERSION
from reference.api import (
    administration,
    answer,
    cluster,
    collections,
    cursors,
    databases,
    documents,
    indexes,
    jobs,
    journal,
    replication,
    transactions,
    users,
    wal,
)
from reference.api.accounts import SUPERUSER, Accounts, Caller
from reference.api.call import Call, parse_query
from reference.api.routes import Access, Match, RouteTable
from reference.api.services import Services
from reference.api.tokens import Tokens
from reference.errors import ArangoError
from reference.failover.member import Host, Member
from reference.replication import Replication
from reference.storage.engine import Engine
from reference.storage.settings import StorageOptions
from reference.world import Response

if TYPE_CHECKING:
    from reference.failover.gate import Gate
    from reference.options import Options
    from reference.storage.database import Database
    from reference.world import Listener, Request, World

_AREAS = (
    administration,
    cluster,
    collections,
    cursors,
    databases,
    documents,
    indexes,
    jobs,
    journal,
    replication,
    transactions,
    users,
    wal,
)
_SECRET_BITS = 256


class Mode(Enum):
    """What the server lets through before any handler."""

    STARTUP = "startup"
    DEFAULT = "default"
    STOPPING = "stopping"


class CannotListen(Exception):  # noqa: N818 - a state of the machine, named as such
    """The endpoint cannot be bound; the message says why."""


class NotStored(Exception):  # noqa: N818 - as above
    """The last writes may not be on the disk; the message says why."""


class Server:
    """One server."""

    def __init__(
        self, world: World, options: Options, tell: Callable[[str, str], object], *, secret: str = ""
    ) -> None:
        """`tell` gets the log, a level and a sentence at a time.

        `secret` signs tokens; without one, a random secret that ends with the process.
        """
        self._world = world
        self._options = options
        self._log = journal.Journal(world.clock, tell, options.log.level)
        self._secret = secret or f"{world.random.getrandbits(_SECRET_BITS):x}"
        self._routes = RouteTable(route for area in _AREAS for route in area.ROUTES)
        self._services: Services | None = None
        self._mode = Mode.STARTUP
        self._asked_to_stop = asyncio.Event()
        self._listener: Listener | None = None

    async def run(self) -> None:
        """Serve until `stop` is called.

        Raises CannotListen; what opening the data raises: OSError, CorruptStorage, ArangoError; NotStored.
        """
        endpoint = self._options.server.endpoint
        try:
            self._listener = await self._world.network.serve(endpoint, self.handle)
        except OSError as error:
            raise CannotListen(f"{endpoint}: {error.strerror or error}") from None
        try:
            await self.start()
            self._log("info", f"arangod-ref {VERSION} is ready for business on {endpoint}")
            await self._asked_to_stop.wait()
            self._log("info", "shutting down: requests in progress may end")
        finally:
            await self.close()
        self._log("info", "arangod-ref has been shut down")

    def stop(self) -> None:
        """Begin a graceful shutdown; `run` returns when it is done."""
        self._mode = Mode.STOPPING
        self._asked_to_stop.set()

    async def start(self) -> None:
        """Recover the data and make the server ready, without listening."""
        world, options = self._world, self._options
        engine = await Engine.open(world, storage_options(options))
        for sentence in engine.recovery:
            self._log("info", sentence)
        tokens = Tokens(self._secret, world.clock, options.server.session_timeout_s)
        services = Services(
            world=world,
            options=options,
            engine=engine,
            replication=Replication(world, engine, self._log),
            accounts=Accounts(engine, world, tokens),
            tokens=tokens,
            jobs=jobs.Jobs(world.clock, engine.clock.next),
            cursors=cursors.Cursors(world.clock, engine.clock.next),
            log=self._log,
            stop=self.stop,
            started_ns=world.clock.monotonic_ns(),
        )
        self._services = services
        await _create_what_must_be_there(services)
        failover = options.replication.automatic_failover
        await services.replication.start(auto_start=options.replication.auto_start and not failover)
        if failover:
            services.member = await self._join(services)
            services.member.start()
        if self._mode is Mode.STARTUP:  # nobody has asked to stop meanwhile
            self._mode = Mode.DEFAULT

    async def _join(self, services: Services) -> Member:
        """Make this server a member of an active failover."""

        async def complete() -> None:
            await _create_what_must_be_there(services)

        host = Host(
            complete,
            services.accounts.renew,
            services.jobs.close,
            lambda: services.tokens.for_server(services.engine.server_id),
            self._log,
        )
        options = self._options
        return await Member.create(
            services.engine, options.cluster, options.replication.leader_grace_period_s, host, answer.refusal
        )

    async def close(self) -> None:
        """Refuse new requests, stop what runs, let requests in progress end, and close the data.

        Raises NotStored.
        """
        self._mode = Mode.STOPPING
        services = self._services
        if services is not None:
            if services.member is not None:
                await services.member.close()
            await services.jobs.close()
            await services.replication.stop()
        if self._listener is not None:
            await self._listener.close()
        self._services = None
        if services is not None:
            try:
                await services.engine.close()
            except (OSError, ArangoError) as error:
                raise NotStored(str(error)) from error

    async def handle(self, request: Request) -> Response:
        """Answer one request. Never raises, whatever the request is."""
        gate = self._gate()
        if gate is None:
            response = await self._guarded(request, self._answer(request))
        else:
            response = await gate.serve(request, lambda: self._guarded(request, self._answer(request)))
        if request.method == "HEAD" and response.body:
            # The network sends the length that GET would have, and no body.
            headers = {**response.headers, "content-length": str(len(response.body))}
            return Response(response.status, headers)
        return response

    def _gate(self) -> Gate | None:
        """What stands in front of everything else while the server takes part in an active failover."""
        services = self._services
        if self._mode is not Mode.DEFAULT or services is None or services.member is None:
            return None
        return services.member.gate

    async def _guarded(self, request: Request, work: Awaitable[Response]) -> Response:
        try:
            return await work
        except ArangoError as error:
            return answer.refusal(error)
        except Exception as error:  # noqa: BLE001 - a defect of one handler must cost one request, not the server
            sentence = f"{type(error).__name__}: {error}"
            self._log("error", f"{request.method} {request.target[:200]} failed: {sentence}")
            return answer.refusal(ArangoError(4, f"internal error: {sentence}"))

    async def _answer(self, request: Request) -> Response:
        services = self._services
        if self._mode is not Mode.DEFAULT or services is None:
            raise self._not_serving()
        services.requests += 1
        path, _, query = request.target.partition("?")
        segments = _segments(path)
        name = "_system"
        if segments and segments[0] == "_db" and len(segments) > 1:
            name = segments[1]
            del segments[:2]
        if self._options.server.authentication:
            header = request.headers.get("authorization")
            caller = await services.accounts.caller(header, f"/{'/'.join(segments)}")
        else:
            caller = SUPERUSER
        match = self._match(request, segments, caller)
        database = _database(services, name, caller, match.route.access)
        call = Call(
            services,
            request,
            database,
            _NOBODY if caller is None else caller,
            parse_query(query) if query else _NO_QUERY,
            match.parts,
            match.rest,
        )
        if "x-arango-async" in request.headers:
            return self._as_job(match, call)
        return await match.route.handler(call)

    def _match(self, request: Request, segments: list[str], caller: Caller | None) -> Match:
        """The route; nobody learns without credentials which paths there are."""
        try:
            match = self._routes.find(request.method, segments)
        except ArangoError:
            if caller is None:
                raise _unauthorized(request) from None
            raise
        if caller is None and match.route.access is not Access.OPEN:
            raise _unauthorized(request)
        return match

    def _as_job(self, match: Match, call: Call) -> Response:
        wanted = call.request.headers["x-arango-async"].lower()
        if wanted not in ("store", "true"):
            raise ArangoError(400, "x-arango-async must be 'store' or 'true'")
        number = call.services.jobs.run(
            call.caller.name,
            lambda: self._guarded(call.request, match.route.handler(call)),
            store=wanted == "store",
        )
        return answer.empty(202, None if number is None else {"x-arango-async-id": number})

    def _not_serving(self) -> ArangoError:
        if self._mode is Mode.STOPPING:
            return ArangoError(30, "shutdown in progress")
        return ArangoError(503, "service unavailable due to startup or maintenance mode")


_NOBODY = Caller("")
_NO_QUERY: dict[str, str] = {}


def storage_options(options: Options) -> StorageOptions:
    """What the storage needs to know of a server's options."""
    return StorageOptions(
        sync_interval_s=options.rocksdb.sync_interval_ms / 1e3,
        wal_file_timeout_s=options.rocksdb.wal_file_timeout_s,
        wal_file_timeout_initial_s=options.rocksdb.wal_file_timeout_initial_s,
        transaction_lock_timeout_s=options.transaction.streaming_lock_timeout_s,
        transaction_idle_timeout_s=options.transaction.streaming_idle_timeout_s,
        transaction_max_bytes=options.transaction.streaming_max_transaction_size,
    )


async def _create_what_must_be_there(services: Services) -> None:
    """System collections of every database, for a crash may have come between them, and the first user."""
    for database in services.engine.databases():
        await databases.create_system_collections(services.engine, database)
    if not await services.accounts.all():
        await services.accounts.create("root", "")
        await services.accounts.grant("root", "*", "rw")
        await services.accounts.grant("root", "*", "rw", "*")


def _segments(path: str) -> list[str]:
    segments = [segment for segment in path.split("/") if segment]
    if "%" not in path:
        return segments
    try:
        return [unquote(segment, errors="strict") for segment in segments]
    except UnicodeDecodeError:
        raise ArangoError(400, "the path is not valid UTF-8") from None


def _unauthorized(request: Request) -> ArangoError:
    error = ArangoError(11, "not authorized to execute this request", status=401)
    if "x-omit-www-authenticate" not in request.headers:
        error.headers["www-authenticate"] = 'Bearer token_type="JWT", realm="ArangoDB"'
    return error


def _database(services: Services, name: str, caller: Caller | None, access: Access) -> Database:
    """The request's database, if the caller has the access that the route asks for.

    Who has no rights on a database does not learn whether it exists: 401/11 instead of 404/1228.
    """
    if caller is None or access <= Access.KNOWN:
        return services.engine.database(name)
    if not caller.is_superuser:
        if not caller.may_read(name):
            raise ArangoError(11, "not authorized to execute this request", status=401)
        needed = "_system" if access is Access.ADMIN else name
        if access >= Access.WRITE and not caller.may_write(needed):
            raise ArangoError(11, f"insufficient rights: this needs 'rw' on the database {needed}")
    return services.engine.database(name)
