"""Users and their permissions, and the two ways to a token.

A user may always look at and change itself; everything else needs "rw" on `_system` (403/11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.api import answer
from reference.api.accounts import LEVELS, User
from reference.api.routes import Access, Route
from reference.errors import ArangoError

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.world import Response


def _named(call: Call) -> str:
    """The user of the path; raises 403/11 if the caller is somebody else without administration rights."""
    name = call.parts["user"]
    if name != call.caller.name:
        call.require_admin()
    return name


def _require_writable(call: Call) -> None:
    if call.services.read_only:
        raise ArangoError(11, "the server is in read-only mode")


async def _list(call: Call) -> Response:
    return answer.result([user.shown() for user in await call.services.accounts.all()])


async def _create(call: Call) -> Response:
    _require_writable(call)
    body = call.object()
    name = body.get("user")
    if not isinstance(name, str):
        raise ArangoError(1700, "invalid user name")
    user = await call.services.accounts.create(
        name, _password(body) or "", active=_active(body, True) is True, extra=_extra(body)
    )
    return answer.members(user.shown(), 201)


async def _get(call: Call) -> Response:
    user = await call.services.accounts.get(_named(call))
    return answer.members(user.shown())


async def _replace(call: Call) -> Response:
    return await _change(call, password="", active=True, extra={})


async def _update(call: Call) -> Response:
    return await _change(call, password=None, active=None, extra=None)


async def _change(call: Call, *, password: str | None, active: bool | None, extra: Any) -> Response:
    """Change what the body says; the arguments are what the rest becomes (None: stays)."""
    name = _named(call)
    _require_writable(call)
    body = call.object()
    new_password = _password(body)
    new_extra = _extra(body)
    user = await call.services.accounts.change(
        name,
        password=password if new_password is None else new_password,
        active=_active(body, active),
        extra=extra if new_extra is None else new_extra,
    )
    return answer.members(user.shown())


async def _remove(call: Call) -> Response:
    _require_writable(call)
    await call.services.accounts.remove(call.parts["user"])
    return answer.members({}, 202)


def _password(body: dict[str, Any]) -> str | None:
    password = body.get("passwd")
    if not isinstance(password, str | None):
        raise ArangoError(10, "<passwd> must be a string")
    return password


def _active(body: dict[str, Any], default: bool | None) -> bool | None:
    active = body.get("active", default)
    if not isinstance(active, bool | None):
        raise ArangoError(10, "<active> must be a boolean")
    return active


def _extra(body: dict[str, Any]) -> Any:
    extra = body.get("extra")
    if not isinstance(extra, dict | None):
        raise ArangoError(10, "<extra> must be an object")
    return extra


async def _levels(call: Call) -> Response:
    user = await call.services.accounts.get(_named(call))
    names = [database.name for database in call.services.engine.databases()]
    if call.flag("full"):
        return answer.result({name: _full(call, user, name) for name in (*names, "*")})
    levels = {name: user.as_caller().level(name) for name in names}
    shown = {name: level for name, level in levels.items() if level != "none"}
    if "*" in user.grants and user.grants["*"].level is not None:
        shown["*"] = user.grants["*"].level
    return answer.result(shown)


def _full(call: Call, user: User, database: str) -> dict[str, Any]:
    """What was said about a database and its collections; "undefined" where nothing was."""
    grants = user.grants.get(database)
    level = grants.level if grants is not None else None
    given = {} if grants is None else dict(grants.collections)
    names = ["*"] if database == "*" else [c.name for c in _collections(call, database)] + ["*"]
    collections = {name: given.get(name, "undefined") for name in names}
    return {"permission": level or "undefined", "collections": collections}


def _collections(call: Call, database: str) -> list[Any]:
    found = call.services.engine.database(database).collections()
    return [collection for collection in found if not collection.is_system]


async def _level(call: Call) -> Response:
    user = await call.services.accounts.get(_named(call))
    return answer.result(user.as_caller().level(call.parts["database"], call.parts.get("collection")))


async def _grant(call: Call) -> Response:
    _require_writable(call)
    body = call.object()
    level = body.get("grant")
    if level not in LEVELS:
        raise ArangoError(10, "expecting access type 'rw', 'ro' or 'none' as <grant>")
    user, database, collection = call.parts["user"], call.parts["database"], call.parts.get("collection")
    if database != "*":
        found = call.services.engine.database(database)
        if collection not in (None, "*"):
            found.collection(str(collection))
    await call.services.accounts.grant(user, database, level, collection)
    return answer.members({database if collection is None else f"{database}/{collection}": level})


async def _revoke(call: Call) -> Response:
    _require_writable(call)
    parts = call.parts
    await call.services.accounts.grant(parts["user"], parts["database"], None, parts.get("collection"))
    return answer.members({}, 202)


async def _log_in(call: Call) -> Response:
    body = call.object()
    name, password = body.get("username"), body.get("password")
    if not isinstance(name, str) or not isinstance(password, str):
        raise ArangoError(400, "expecting <username> and <password> as strings")
    services = call.services
    if services.options.server.authentication and await services.accounts.check(name, password) is None:
        raise ArangoError(401, "Wrong credentials")
    return answer.plain({"jwt": services.tokens.for_user(name)})


async def _renew(call: Call) -> Response:
    if not (call.header("authorization") or "").lower().startswith("bearer "):
        raise ArangoError(11, "renewing needs a valid token", status=401)
    return answer.plain({"jwt": call.services.tokens.for_user(call.caller.name)})


_USER = "/_api/user/{user}"
_DATABASE = _USER + "/database/{database}"
_COLLECTION = _DATABASE + "/{collection}"

ROUTES = (
    Route("POST", "/_open/auth", _log_in, Access.OPEN),
    Route("POST", "/_open/auth/renew", _renew, Access.KNOWN),
    Route("GET", "/_api/user", _list, Access.ADMIN),
    Route("POST", "/_api/user", _create, Access.ADMIN),
    Route("GET", _USER, _get, Access.KNOWN),
    Route("PUT", _USER, _replace, Access.KNOWN),
    Route("PATCH", _USER, _update, Access.KNOWN),
    Route("DELETE", _USER, _remove, Access.ADMIN),
    Route("GET", _USER + "/database", _levels, Access.KNOWN),
    Route("GET", _DATABASE, _level, Access.KNOWN),
    Route("PUT", _DATABASE, _grant, Access.ADMIN),
    Route("DELETE", _DATABASE, _revoke, Access.ADMIN),
    Route("GET", _COLLECTION, _level, Access.KNOWN),
    Route("PUT", _COLLECTION, _grant, Access.ADMIN),
    Route("DELETE", _COLLECTION, _revoke, Access.ADMIN),
)
