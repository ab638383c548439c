"""Cursors over whole collections: /_api/simple/all, all-keys, lookup-by-keys, and the batches that follow.

The result is taken as a whole when the request comes, as arangod does for a query without `stream`: later
writes do not change it, and it costs references, not copies. A cursor belongs to the user and the database
that made it and is forgotten after its last batch or when nobody asked for `ttl` seconds.

AQL is not here, so `POST /_api/cursor` and the simple queries that need it answer 501/9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reference.api import answer
from reference.api.routes import Route
from reference.errors import ArangoError
from reference.storage import documents

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.storage.collection import Collection
    from reference.storage.transaction import Transaction
    from reference.world import Clock, Response

_BATCH_SIZE = 1000
_TTL_S = 30.0
_EXTRA = {
    "warnings": [],
    "stats": {
        "writesExecuted": 0,
        "writesIgnored": 0,
        "scannedFull": 0,
        "scannedIndex": 0,
        "filtered": 0,
        "httpRequests": 0,
        "executionTime": 0.0,
        "peakMemoryUsage": 0,
    },
}


@dataclass(slots=True)
class Cursor:
    """What is left of a result. `rows` are JSON texts; `position` counts those delivered."""

    owner: str
    database_id: int
    rows: Sequence[bytes]
    batch_size: int
    ttl_s: float
    position: int
    expires_ns: int


class Cursors:
    """All open cursors of a server by id."""

    def __init__(self, clock: Clock, new_id: Callable[[], int]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._cursors: dict[str, Cursor] = {}

    def open(
        self, call: Call, rows: Sequence[bytes], *, batch_size: int = _BATCH_SIZE, ttl_s: float = _TTL_S
    ) -> Response:
        """The first batch; keeps a cursor if there is more."""
        self._sweep()
        more = len(rows) > batch_size
        number = str(self._new_id()) if more else None
        if number is not None:
            self._cursors[number] = Cursor(
                call.caller.name, call.database.id, rows, batch_size, ttl_s, batch_size, self._expiry(ttl_s)
            )
        return _batch(rows[:batch_size], number, 201, more=more, count=len(rows))

    def next(self, call: Call, number: str) -> Response:
        """The next batch; raises 404/1600."""
        cursor = self._find(call, number)
        start, cursor.position = cursor.position, cursor.position + cursor.batch_size
        cursor.expires_ns = self._expiry(cursor.ttl_s)
        more = cursor.position < len(cursor.rows)
        if not more:
            del self._cursors[number]
        return _batch(
            cursor.rows[start : cursor.position],
            number if more else None,
            200,
            more=more,
            count=len(cursor.rows),
        )

    def close(self, call: Call, number: str) -> None:
        """Forget a cursor; raises 404/1600."""
        self._find(call, number)
        del self._cursors[number]

    def _find(self, call: Call, number: str) -> Cursor:
        self._sweep()
        cursor = self._cursors.get(number)
        if cursor is None or (cursor.owner, cursor.database_id) != (call.caller.name, call.database.id):
            raise ArangoError(1600, "cursor not found")
        return cursor

    def _expiry(self, ttl_s: float) -> int:
        return self._clock.monotonic_ns() + int(ttl_s * 1e9)

    def _sweep(self) -> None:
        now = self._clock.monotonic_ns()
        for number in [number for number, cursor in self._cursors.items() if cursor.expires_ns <= now]:
            del self._cursors[number]


def _batch(rows: Sequence[bytes], number: str | None, status: int, *, more: bool, count: int) -> Response:
    rest: dict[str, Any] = {
        "hasMore": more,
        "count": count,
        "cached": False,
        "extra": _EXTRA,
        "error": False,
        "code": status,
    }
    if number is not None:
        rest["id"] = number
    return answer.raw(b'{"result":[' + b",".join(rows) + b"]," + answer.encode(rest)[1:], status)


async def _all(call: Call) -> Response:
    body, collection = _body(call)
    found = await call.in_transaction(collection, lambda t: documents.bodies(t, collection))
    skip = _whole(body, "skip", 0)
    limit = _whole(body, "limit", len(found))
    return call.services.cursors.open(
        call, found[skip : skip + limit], batch_size=_batch_size(body), ttl_s=_ttl_s(body)
    )


async def _all_keys(call: Call) -> Response:
    body, collection = _body(call)
    kind = body.get("type", "path")
    found = await call.in_transaction(collection, lambda t: list(documents.scan(t, collection)))
    prefix = {
        "key": "",
        "id": f"{collection.name}/",
        "path": f"/_db/{call.database.name}/_api/document/{collection.name}/",
    }.get(kind)
    if prefix is None:
        raise ArangoError(10, "<type> must be 'key', 'id' or 'path'")
    rows = [answer.encode(prefix + document.key) for document in found]
    return call.services.cursors.open(call, rows, batch_size=_batch_size(body), ttl_s=_ttl_s(body))


async def _lookup(call: Call) -> Response:
    body, collection = _body(call)
    keys = body.get("keys")
    if not isinstance(keys, list):
        raise ArangoError(17, "expecting an array for <keys>")
    names = dict.fromkeys(key.rpartition("/")[2] for key in keys if isinstance(key, str))

    def work(transaction: Transaction) -> list[bytes]:
        return [
            body for body in (_maybe(transaction, collection, name) for name in names) if body is not None
        ]

    found = await call.in_transaction(collection, work)
    return answer.raw(b'{"documents":[' + b",".join(found) + b'],"error":false,"code":200}')


def _maybe(transaction: Transaction, collection: Collection, key: str) -> bytes | None:
    try:
        return documents.read(transaction, collection, key).body
    except ArangoError as error:
        if error.number == 1202:
            return None
        raise


def _body(call: Call) -> tuple[dict[str, Any], Collection]:
    body = call.json()
    name = body.get("collection") if isinstance(body, dict) else None
    if not isinstance(name, str):
        raise ArangoError(17, "expecting string for <collection>")
    return body, call.collection(name)


def _whole(body: dict[str, Any], name: str, default: int, least: int = 0) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ArangoError(17, f"expecting a whole number from {least} for <{name}>")
    return value


def _batch_size(body: dict[str, Any]) -> int:
    return _whole(body, "batchSize", _BATCH_SIZE, 1)


def _ttl_s(body: dict[str, Any]) -> float:
    value = body.get("ttl", _TTL_S)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ArangoError(17, "expecting a positive number of seconds for <ttl>")
    return value


async def _next(call: Call) -> Response:
    return call.services.cursors.next(call, call.parts["id"])


async def _close(call: Call) -> Response:
    number = call.parts["id"]
    call.services.cursors.close(call, number)
    return answer.members({"id": number}, 202)


async def _query(call: Call) -> Response:
    query = call.object().get("query")
    if not isinstance(query, str) or not query.strip():
        raise ArangoError(1502, "query is empty")
    raise ArangoError(
        9, "AQL is not implemented in the reference server; PUT /_api/simple/all reads a whole collection"
    )


async def _no_simple(call: Call) -> Response:
    raise ArangoError(9, f"/_api/simple/{call.parts['query']} is not implemented in the reference server")


ROUTES = (
    Route("PUT", "/_api/simple/all", _all),
    Route("PUT", "/_api/simple/all-keys", _all_keys),
    Route("PUT", "/_api/simple/lookup-by-keys", _lookup),
    Route("PUT", "/_api/simple/{query}", _no_simple),
    Route("POST", "/_api/cursor", _query),
    Route("PUT", "/_api/cursor/{id}", _next),
    Route("POST", "/_api/cursor/{id}", _next),
    Route("DELETE", "/_api/cursor/{id}", _close),
)
