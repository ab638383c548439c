"""The same requests, in the same order, get answers of the same form in both worlds."""

from __future__ import annotations

from typing import Any

from tests.parity.worlds import Real, Side, Simulated

_REQUESTS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/_api/version?details=true", None),
    ("POST", "/_api/collection", {"name": "c", "waitForSync": True}),
    ("GET", "/_api/collection/c/figures", None),
    ("GET", "/_api/collection/c/revision", None),
    ("POST", "/_api/document/c", {"_key": "a", "n": 1}),
    ("POST", "/_api/document/c?returnNew=true", {"_key": "b", "n": 1.5}),
    ("PUT", "/_api/document/c/a", {"n": 2}),
    ("PATCH", "/_api/document/c/nobody", {"n": 2}),
    ("DELETE", "/_api/document/c/b?returnOld=true", None),
    ("HEAD", "/_api/document/c/nobody", None),
    ("GET", "/_api/index?collection=c", None),
    ("GET", "/_api/transaction", None),
    ("POST", "/_api/transaction/begin", {"collections": {"write": "nowhere"}}),
    ("PUT", "/_api/simple/all", {"collection": "c"}),
    ("GET", "/_api/replication/logger-state", None),
    ("GET", "/_api/replication/applier-config", None),
    ("GET", "/_api/replication/applier-state", None),
    ("GET", "/_api/replication/inventory?batchId=1", None),
    ("POST", "/_api/replication/batch", {"ttl": 30}),
    ("GET", "/_api/wal/range", None),
    ("GET", "/_api/wal/lastTick", None),
    ("GET", "/_api/database/current", None),
    ("GET", "/_admin/server/role", None),
    ("OPTIONS", "/_api/document/c", None),
    ("DELETE", "/_api/version", None),
    ("GET", "/_api/document/c/%FF", None),
)


def test_every_answer_has_the_same_form(real_world: Real) -> None:
    forms: list[list[Any]] = []

    async def ask(leader: Side) -> None:
        forms.append([await _form(leader, *request) for request in _REQUESTS])

    real_world.play(ask)
    Simulated().play(ask)
    assert forms[0] == forms[1]
    assert {status for _, status, *_ in forms[0]} >= {200, 201, 400, 404, 405}


async def _form(side: Side, method: str, path: str, body: Any) -> tuple[str, int, list[str], Any]:
    reply = await side.call(method, path, body)
    # These two are the connection's, not the server's.
    headers = sorted(reply.headers.keys() - {"connection", "content-length"})
    content = reply.json() if reply.body.startswith((b"{", b"[")) else bool(reply.body)
    return f"{method} {path}", reply.status, headers, _shape(content)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shape(inner) for inner in value[:1]]
    return type(value).__name__
