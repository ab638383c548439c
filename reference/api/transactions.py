"""Stream transactions: begun, used through the header `x-arango-trx-id`, committed or aborted by requests.

The docs and arangod's code disagree on the commit of an aborted transaction (409 or 400/1653); the code is
followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.api import answer
from reference.api.call import boolean_in, transaction_id
from reference.api.routes import Access, Route
from reference.errors import ArangoError

if TYPE_CHECKING:
    from reference.api.call import Call
    from reference.storage.collection import Collection
    from reference.world import Response

_DEFAULT_LOCK_TIMEOUT_S = 900.0


async def _begin(call: Call) -> Response:
    body = call.object()
    names = body.get("collections")
    if not isinstance(names, dict):
        raise ArangoError(10, "missing 'collections'")
    transaction = await call.services.engine.transactions.begin(
        call.database,
        read=_collections(call, names, "read"),
        write=_collections(call, names, "write"),
        exclusive=_collections(call, names, "exclusive"),
        allow_implicit=boolean_in(names, "allowImplicit", boolean_in(body, "allowImplicit", True)),
        wait_for_sync=boolean_in(body, "waitForSync", False),
        lock_timeout_s=_number(body, "lockTimeout", _DEFAULT_LOCK_TIMEOUT_S),
        max_bytes=_max_bytes(call, body),
    )
    return answer.result({"id": str(transaction.id), "status": "running"}, 201)


def _collections(call: Call, names: dict[str, Any], mode: str) -> list[Collection]:
    value = names.get(mode, [])
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise ArangoError(10, f"'collections.{mode}' must be a name or an array of names")
    return [call.collection(name, write=mode != "read") for name in listed]


def _number(body: dict[str, Any], name: str, default: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ArangoError(10, f"<{name}> needs to be positive")
    # 0 stands for "no limit" in both; the default is the longest that makes sense.
    return value or default


def _max_bytes(call: Call, body: dict[str, Any]) -> int:
    limit = call.services.options.transaction.streaming_max_transaction_size
    wanted = int(_number(body, "maxTransactionSize", limit))
    return min(limit, wanted)


async def _status(call: Call) -> Response:
    number = transaction_id(call.parts["id"])
    status = call.services.engine.transactions.status(call.database, number)
    return answer.result({"id": str(number), "status": status})


async def _commit(call: Call) -> Response:
    number = transaction_id(call.parts["id"])
    status = await call.services.engine.transactions.commit(call.database, number)
    return answer.result({"id": str(number), "status": status})


async def _abort(call: Call) -> Response:
    if call.parts["id"] == "write":
        return await _abort_all(call)
    number = transaction_id(call.parts["id"])
    status = await call.services.engine.transactions.abort(call.database, number)
    return answer.result({"id": str(number), "status": status})


async def _abort_all(call: Call) -> Response:
    call.require_admin()
    transactions = call.services.engine.transactions
    for transaction in transactions.running(call.database):
        await transactions.abort(call.database, transaction.id)
    return answer.members({})


async def _list(call: Call) -> Response:
    running = call.services.engine.transactions.running(call.database)
    return answer.plain({"transactions": [{"id": str(t.id), "state": t.status} for t in running]})


async def _no_javascript(_call: Call) -> Response:
    raise ArangoError(9, "JavaScript transactions are not implemented in the reference server")


ROUTES = (
    Route("POST", "/_api/transaction/begin", _begin),
    Route("GET", "/_api/transaction", _list),
    Route("POST", "/_api/transaction", _no_javascript, Access.READ),
    Route("GET", "/_api/transaction/{id}", _status),
    Route("PUT", "/_api/transaction/{id}", _commit),
    Route("DELETE", "/_api/transaction/{id}", _abort),
)
