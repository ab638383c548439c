"""Accounts: users, their passwords and what each may do, kept as documents of `_users` in `_system`.

Because they are ordinary documents they are replicated, restored and transactional like any other (AF-USERS,
LF-EXCLUDED); what is held in memory is a reading of them that is renewed whenever the collection has changed.

Levels are "rw", "ro" and "none". A database's level is the user's own for it, else the one for `*`, else
none. A collection's is the user's own for it, else the one for `*` in that database, else the database's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reference.api.call import parse
from reference.errors import ArangoError
from reference.storage import documents

if TYPE_CHECKING:
    from reference.api.tokens import Tokens
    from reference.storage.engine import Engine
    from reference.world import World

LEVELS = ("rw", "ro", "none")
_COLLECTION = "_users"
_SALT_BITS = 32
_CACHE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Grants:
    """What a user may do in one database (or in `*`); None where nothing was said."""

    level: str | None = None
    collections: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request. A superuser may do everything; with authentication off everybody is one."""

    name: str
    is_superuser: bool = False
    grants: Mapping[str, Grants] = field(default_factory=dict)

    def level(self, database: str, collection: str | None = None) -> str:
        """The effective level for a database or a collection in it."""
        if self.is_superuser:
            return "rw"
        grants = self.grants.get(database, _NOTHING)
        if collection == _COLLECTION:
            return "none"  # passwords: only through /_api/user, whoever asks
        if collection is not None:
            own = grants.collections.get(collection) or grants.collections.get("*")
            if own is not None and not collection.startswith("_"):
                return own
        return grants.level or self.grants.get("*", _NOTHING).level or "none"

    def may_read(self, database: str, collection: str | None = None) -> bool:
        """Whether the level is "ro" or "rw"."""
        return self.is_superuser or self.level(database, collection) != "none"

    def may_write(self, database: str, collection: str | None = None) -> bool:
        """Whether the level is "rw"."""
        return self.is_superuser or self.level(database, collection) == "rw"


_NOTHING = Grants()
SUPERUSER = Caller("", is_superuser=True)


@dataclass(frozen=True, slots=True)
class User:
    """One account. `key` is that of its document; `salt` and `digest` are of the password."""

    key: str
    name: str
    active: bool
    extra: Any
    salt: str
    digest: str
    grants: Mapping[str, Grants]

    def as_caller(self) -> Caller:
        """The user as the sender of a request."""
        return Caller(self.name, grants=self.grants)

    def shown(self) -> dict[str, Any]:
        """What /_api/user shows."""
        return {"user": self.name, "active": self.active, "extra": self.extra}


class Accounts:
    """All users. Changes go through a transaction and are durable when the call returns."""

    def __init__(self, engine: Engine, world: World, tokens: Tokens) -> None:
        self._engine = engine
        self._random = world.random
        self._tokens = tokens
        self._version: tuple[int, int] | None = None
        self._users: dict[str, User] = {}
        self._basic: dict[str, Caller] = {}
        # A change reads, decides and waits for the disk: two at once would overwrite each other.
        self._changing = asyncio.Lock()

    async def caller(self, authorization: str | None, path: str) -> Caller | None:
        """Who sent this `authorization` header; None if it proves nobody. `path` is without database
        prefix.
        """
        if authorization is None:
            return None
        users = await self._current()
        known = self._basic.get(authorization)
        if known is not None:
            return known
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(users, credentials.strip(), path)
        caller = self._password_caller(credentials.strip()) if scheme.lower() == "basic" else None
        if caller is not None:
            if len(self._basic) >= _CACHE_SIZE:
                self._basic.clear()
            self._basic[authorization] = caller
        return caller

    async def check(self, name: str, password: str) -> Caller | None:
        """The user as a caller if the password is right and the account active."""
        await self._current()
        return self._check(name, password)

    async def all(self) -> list[User]:
        """All users."""
        return list((await self._current()).values())

    async def get(self, name: str) -> User:
        """The user; raises 404/1703."""
        user = (await self._current()).get(name)
        if user is None:
            raise ArangoError(1703, "user not found")
        return user

    async def create(self, name: str, password: str, *, active: bool = True, extra: Any = None) -> User:
        """Make a user without any rights; raises 409/1702, 400/1700."""
        if not name or name.startswith(":"):
            raise ArangoError(1700, "invalid user name")
        async with self._changing:
            if name in await self._current():
                raise ArangoError(1702, "duplicate user")
            salt = self._salt()
            user = User("", name, active, {} if extra is None else extra, salt, _digest(salt, password), {})
            await self._write(user)
            return user

    async def change(
        self, name: str, *, password: str | None = None, active: bool | None = None, extra: Any = None
    ) -> User:
        """Change what is not None; raises 404/1703."""
        async with self._changing:
            user = await self.get(name)
            if password is not None:
                salt = self._salt()
                user = replace(user, salt=salt, digest=_digest(salt, password))
            if active is not None:
                user = replace(user, active=active)
            if extra is not None:
                user = replace(user, extra=extra)
            await self._write(user)
            return user

    async def remove(self, name: str) -> None:
        """Remove a user; raises 404/1703."""
        async with self._changing:
            user = await self.get(name)
            system = self._engine.database("_system")
            collection = system.collection(_COLLECTION)
            with await self._engine.transactions.auto(system, collection) as transaction:
                documents.remove(transaction, collection, user.key)
                await transaction.commit(wait_for_sync=True)

    async def grant(self, name: str, database: str, level: str | None, collection: str | None = None) -> None:
        """Set a level, or take it back with None; raises 404/1703."""
        async with self._changing:
            user = await self.get(name)
            old = user.grants.get(database, _NOTHING)
            if collection is None:
                new = _NOTHING if level is None else Grants(level, old.collections)
            else:
                others = {other: has for other, has in old.collections.items() if other != collection}
                new = Grants(old.level, others if level is None else {**others, collection: level})
            grants = {other: has for other, has in user.grants.items() if other != database}
            if new != _NOTHING:
                grants[database] = new
            await self._write(replace(user, grants=grants))

    def renew(self) -> None:
        """Read the users again at the next request: a sync may have put older ones in their place."""
        self._version = None

    async def forget_database(self, database: str) -> None:
        """Take back every right on a database that is gone."""
        for user in await self.all():
            if database in user.grants:
                await self.grant(user.name, database, None)

    def _check(self, name: str, password: str) -> Caller | None:
        user = self._users.get(name)
        if user is None or not user.active:
            return None
        if not hmac.compare_digest(_digest(user.salt, password), user.digest):
            return None
        return user.as_caller()

    def _password_caller(self, credentials: str) -> Caller | None:
        try:
            name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        return self._check(name, password)

    def _bearer(self, users: Mapping[str, User], token: str, path: str) -> Caller | None:
        claims = self._tokens.verify(token)
        if claims is None or (claims.allowed_paths is not None and path not in claims.allowed_paths):
            return None
        if not claims.user:
            return SUPERUSER
        user = users.get(claims.user)
        return user.as_caller() if user is not None and user.active else None

    async def _current(self) -> dict[str, User]:
        system = self._engine.database("_system")
        collection = system.find(_COLLECTION)
        version = None if collection is None else (collection.id, collection.revision)
        if version != self._version:
            users: list[User] = []
            if collection is not None:
                with await self._engine.transactions.auto(system) as transaction:
                    users = [_read(document.body) for document in documents.scan(transaction, collection)]
            self._users = {user.name: user for user in users}
            self._basic.clear()
            self._version = version
        return self._users

    async def _write(self, user: User) -> None:
        system = self._engine.database("_system")
        collection = system.collection(_COLLECTION)
        with await self._engine.transactions.auto(system, collection) as transaction:
            if user.key:
                documents.replace(transaction, collection, user.key, _document(user))
            else:
                documents.insert(transaction, collection, _document(user))
            await transaction.commit(wait_for_sync=True)

    def _salt(self) -> str:
        return f"{self._random.getrandbits(_SALT_BITS):0{_SALT_BITS // 4}x}"


def _digest(salt: str, password: str) -> str:
    # arangod's own method "sha256": accounts restored or replicated from it keep working.
    return hashlib.sha256((salt + password).encode()).hexdigest()


def _document(user: User) -> dict[str, Any]:
    return {
        "user": user.name,
        "source": "LOCAL",
        "userData": user.extra,
        "authData": {
            "active": user.active,
            "simple": {"method": "sha256", "salt": user.salt, "hash": user.digest},
        },
        "databases": {name: _grants_document(grants) for name, grants in user.grants.items()},
    }


def _grants_document(grants: Grants) -> dict[str, Any]:
    collections = {name: {"permissions": _PERMISSIONS[level]} for name, level in grants.collections.items()}
    return {
        "permissions": {} if grants.level is None else _PERMISSIONS[grants.level],
        "collections": collections,
    }


_PERMISSIONS: dict[str, dict[str, bool]] = {
    "rw": {"read": True, "write": True},
    "ro": {"read": True, "write": False},
    "none": {"read": False, "write": False},
}


def _read(body: bytes) -> User:
    """A user's document as written by any server: members that are missing or strange count as nothing."""
    document = parse(body)
    authentication = _members(document, "authData")
    simple = _members(authentication, "simple")
    return User(
        document["_key"],
        str(document.get("user", "")),
        authentication.get("active") is True,
        document.get("userData", {}),
        str(simple.get("salt", "")),
        str(simple.get("hash", "")),
        {name: _read_grants(value) for name, value in _members(document, "databases").items()},
    )


def _read_grants(value: Any) -> Grants:
    if not isinstance(value, dict):
        return _NOTHING
    levels = {
        name: _read_level(_members(value["collections"], name)) for name in _members(value, "collections")
    }
    return Grants(_read_level(value), {name: level for name, level in levels.items() if level is not None})


def _read_level(value: Mapping[str, Any]) -> str | None:
    permissions = value.get("permissions")
    if not isinstance(permissions, dict) or not permissions:
        return None
    if permissions.get("write") is True:
        return "rw"
    return "ro" if permissions.get("read") is True else "none"


def _members(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    member = value.get(name)
    return member if isinstance(member, dict) else {}
