"""Answers: bodies as JSON bytes, and the headers that every answer of an arangod carries.

`content-length` and `connection` belong to the network, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from reference.errors import ArangoError
from reference.world import Response

JSON = "application/json"

# Read-only by agreement: shared by all answers that need no further header.
HEADERS: Mapping[str, str] = {
    "server": "ArangoDB",
    "x-content-type-options": "nosniff",
    "x-arango-queue-time-seconds": "0.000000",
    "content-type": JSON,
}
_BARE: Mapping[str, str] = {name: value for name, value in HEADERS.items() if name != "content-type"}

encode = msgspec.json.Encoder().encode


def plain(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as JSON without an envelope: documents, /_api/version, most of /_api/replication."""
    return Response(status, {**HEADERS, **headers} if headers else HEADERS, encode(value))


def members(
    value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The members of `value` beside `error` and `code`: collections, cursors, indexes."""
    return plain({"error": False, "code": status, **value}, status, headers)


def result(value: Any, status: int = 200) -> Response:
    """`value` as the member `result`: databases, permissions, transactions."""
    return plain({"error": False, "code": status, "result": value}, status)


def raw(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, content_type: str = JSON
) -> Response:
    """`body` as it is: stored documents, dump lines."""
    if headers is None and content_type == JSON:
        return Response(status, HEADERS, body)
    return Response(status, {**HEADERS, "content-type": content_type, **(headers or {})}, body)


def empty(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """No body: 204, 304, 202 of a job."""
    return Response(status, {**_BARE, **headers} if headers else _BARE)


def refusal(error: ArangoError) -> Response:
    """The error body of a refused request."""
    body = {"error": True, "code": error.status, "errorNum": error.number, "errorMessage": error.message}
    return plain({**body, **error.extra}, error.status, error.headers)
