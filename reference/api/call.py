"""Call: one request as a handler sees it, with its database, its caller and the server's services.

Reading is strict where ArangoDB is strict (JSON, numbers) and generous where it is (booleans may be
`true|yes|on|y|1` in any case; anything else is false).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_plus

import msgspec

from reference.errors import ArangoError

if TYPE_CHECKING:
    from reference.api.accounts import Caller
    from reference.api.services import Services
    from reference.storage.collection import Collection
    from reference.storage.database import Database
    from reference.storage.transaction import Transaction
    from reference.world import Request

# arangod's limit for requests. Whatever is stored must be readable again from any depth of calls.
_DEEPEST = 200
Result = TypeVar("Result")
_TRUE = frozenset(("true", "yes", "on", "y", "1"))
decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Call:
    """One request.

    `database` is the one of the path's `/_db/<name>` prefix, `_system` without it. `parts` and `rest` are
    what the route's placeholders took, percent-decoded. `query` keeps the last value of a repeated name.
    """

    services: Services
    request: Request
    database: Database
    caller: Caller
    query: Mapping[str, str]
    parts: Mapping[str, str] = field(default_factory=dict)
    rest: tuple[str, ...] = ()

    def json(self) -> Any:
        """The body as JSON; raises 400/600 if it is none, an empty body included."""
        return parse(self.request.body)

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; raises 400/600 or 400/10."""
        value = self.json()
        if not isinstance(value, dict):
            raise ArangoError(10, "expecting JSON object body")
        return value

    def object_or_empty(self) -> dict[str, Any]:
        """Like `object`, but no body at all counts as `{}`."""
        return self.object() if self.request.body else {}

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean query parameter."""
        value = self.query.get(name)
        return default if value is None else value.lower() in _TRUE

    def number(self, name: str, default: int, *, least: int = 0) -> int:
        """A whole, decimal query parameter, such as a tick; raises 400/10 if it is not one."""
        value = self.query.get(name)
        if value is None or not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 20) or int(value) < least:
            raise ArangoError(10, f"parameter '{name}' must be a whole number, not '{value[:40]}'")
        return int(value)

    def header(self, name: str) -> str | None:
        """A request header by its lower-case name."""
        return self.request.headers.get(name)

    def collection(self, name: str, *, write: bool = False) -> Collection:
        """A collection of the database that the caller may read, or write.

        Raises 404/1203, 403/11, and 403/1004 for a write to a read-only server.
        """
        collection = self.database.collection(name)
        if not self.caller.is_superuser:
            may = self.caller.may_write if write else self.caller.may_read
            if not may(self.database.name, collection.name):
                raise ArangoError(
                    11, f"insufficient rights to {'write' if write else 'read'} {collection.name}"
                )
        if write and self.services.read_only:
            raise ArangoError(1004, "server is in read-only mode")
        return collection

    async def in_transaction(
        self,
        collection: Collection,
        work: Callable[[Transaction], Result],
        *,
        write: bool = False,
        wait_for_sync: bool = False,
    ) -> Result:
        """Do `work` in the stream transaction that the request names, or in one of its own that then commits.

        If `work` raises, its own transaction is aborted; a stream transaction goes on.
        """
        transactions = self.services.engine.transactions
        named = self.request.headers.get("x-arango-trx-id")
        if named is not None:
            async with transactions.use(self.database, transaction_id(named)) as stream:
                return work(stream)
        with await transactions.auto(self.database, collection if write else None) as transaction:
            done = work(transaction)
            if write:
                await transaction.commit(wait_for_sync=wait_for_sync)
            return done

    def require_system(self) -> None:
        """Raise 403/1230 unless the request is inside `_system`."""
        if self.database.name != "_system":
            raise ArangoError(1230, "operation only allowed in system database")

    def require_admin(self) -> None:
        """Raise 403/11 unless the caller has "rw" on `_system`."""
        if not self.caller.may_write("_system"):
            raise ArangoError(11, "insufficient rights: this needs 'rw' on the _system database")

    def require_write(self) -> None:
        """Raise 403/11 unless definitions of the database may be changed by this caller, now."""
        if self.services.read_only or not self.caller.may_write(self.database.name):
            raise ArangoError(11, "insufficient rights, or the server is in read-only mode")


def transaction_id(text: str) -> int:
    """The number of a stream transaction; raises 400/10."""
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ArangoError(10, "invalid transaction id")
    return int(text)


def boolean_in(body: Mapping[str, Any], name: str, default: bool) -> bool:
    """A boolean member of a body, or `default` if it is absent or null; raises 400/10 if it is something
    else.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ArangoError(10, f"<{name}> must be a boolean")
    return value


def parse(body: bytes) -> Any:
    """A JSON text; raises 400/600 as arangod words it."""
    try:
        value = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArangoError(600, f"VPackError error: {error}") from None
    # Fewer opening brackets than levels allowed: cannot be too deep. That is nearly every request.
    if body.count(b"{") + body.count(b"[") > _DEEPEST and _is_too_deep(value):
        raise ArangoError(600, f"VPackError error: nested more than {_DEEPEST} levels deep")
    return value


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return any(isinstance(node, dict | list) for node in level)


def parse_query(text: str) -> dict[str, str]:
    """`a=1&b` as a dictionary; a name without `=` has the value ""."""
    values: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = unquote_plus(name), unquote_plus(value)
        if name:
            values[name] = value
    return values
