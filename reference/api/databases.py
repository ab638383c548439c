"""Databases, and the system collections that every one of them has from its first moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from reference.api import answer
from reference.api.routes import Access, Route
from reference.errors import ArangoError

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.storage.database import Database
    from reference.storage.engine import Engine
    from reference.world import Response

SYSTEM_COLLECTIONS = (
    "_analyzers",
    "_appbundles",
    "_apps",
    "_aqlfunctions",
    "_frontend",
    "_graphs",
    "_jobs",
    "_queues",
)
ONLY_IN_SYSTEM = ("_statistics", "_statistics15", "_statisticsRaw", "_users")


async def create_system_collections(engine: Engine, database: Database) -> None:
    """Create those that are missing."""
    wanted = SYSTEM_COLLECTIONS + (ONLY_IN_SYSTEM if database.is_system else ())
    # Side by side, so that one sync of the log serves them all.
    await asyncio.gather(
        *(
            engine.create_collection(database, name, is_system=True)
            for name in wanted
            if database.find(name) is None
        )
    )


async def _list(call: Call) -> Response:
    call.require_system()
    call.require_admin()
    return answer.result(sorted(database.name for database in call.services.engine.databases()))


async def _list_user(call: Call) -> Response:
    names = (database.name for database in call.services.engine.databases())
    return answer.result(sorted(name for name in names if call.caller.may_read(name)))


async def _current(call: Call) -> Response:
    database = call.database
    body = {"id": str(database.id), "name": database.name, "isSystem": database.is_system, "path": "none"}
    return answer.result(body)


async def _other(_call: Call) -> Response:
    raise ArangoError(10, "expecting /_api/database, /_api/database/current or /_api/database/user")


async def _create(call: Call) -> Response:
    call.require_system()
    if call.services.read_only:
        raise ArangoError(11, "the server is in read-only mode")
    body = call.object()
    name = body.get("name")
    if not isinstance(name, str):
        raise ArangoError(1229, "database name invalid: <name> must be a string")
    users = _users(body)
    engine = call.services.engine
    database = await engine.create_database(name)
    await create_system_collections(engine, database)
    await _grant(call, name, users)
    return answer.result(True, 201)


def _users(body: dict[str, Any]) -> list[dict[str, Any]]:
    users = body.get("users", [])
    if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
        raise ArangoError(10, "<users> must be an array of objects")
    for user in users:
        name = user.get("username", user.get("user"))
        if not isinstance(name, str) or not isinstance(user.get("passwd", ""), str | None):
            raise ArangoError(10, "each of <users> needs a <username>, and <passwd> must be a string")
    return users


async def _grant(call: Call, database: str, users: list[dict[str, Any]]) -> None:
    """Give the listed users (made if there is no such user) and the caller "rw" on a new database."""
    accounts = call.services.accounts
    known = {user.name for user in await accounts.all()}
    names = []
    for user in users:
        name = str(user.get("username", user.get("user")))
        if name not in known:
            active = user.get("active", True) is not False
            await accounts.create(name, user.get("passwd") or "", active=active, extra=user.get("extra"))
        names.append(name)
    if not users and "root" in known:
        names.append("root")
    if call.caller.name in known:
        names.append(call.caller.name)
    for name in dict.fromkeys(names):
        await accounts.grant(name, database, "rw")


async def _drop(call: Call) -> Response:
    call.require_system()
    if call.services.read_only:
        raise ArangoError(11, "the server is in read-only mode")
    name = call.parts["name"]
    applier = await call.services.replication.applier(call.services.engine.database(name))
    await applier.shut_down()
    await call.services.engine.drop_database(name)
    await call.services.accounts.forget_database(name)
    return answer.result(True)


async def _drop_nothing(_call: Call) -> Response:
    raise ArangoError(400, "expected a database name in the path")


ROUTES = (
    Route("GET", "/_api/database", _list),
    Route("GET", "/_api/database/user", _list_user, Access.KNOWN),
    Route("GET", "/_api/database/current", _current),
    Route("GET", "/_api/database/{name}", _other),
    Route("POST", "/_api/database", _create, Access.ADMIN),
    Route("DELETE", "/_api/database/{name}", _drop, Access.ADMIN),
    Route("DELETE", "/_api/database", _drop_nothing, Access.ADMIN),
)
