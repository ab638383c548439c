"""One request and its JSON answer, or RequestError saying whether it certainly had no effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from harness.databases.arango_http.errors import DEFINITE
from harness.environment import Transport, TransportError
from workloads.protocol.outcome import RequestError

TRANSACTION = "x-arango-trx-id"
LEADER = "x-arango-endpoint"
"""In the answers of a server that follows another: whom to ask instead."""
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests to one server in one database. `headers` go with each, authentication for instance."""

    transport: Transport
    timeout_s: float
    headers: Mapping[str, str] = field(default_factory=dict)
    database: str = "_system"

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        definite: Mapping[int, str] = DEFINITE,
        timeout_s: float | None = None,
    ) -> Any:
        """Send it once. Returns the decoded body of a 2xx answer; raises RequestError otherwise."""
        try:
            answer = await self.transport.request(
                method,
                f"/_db/{self.database}{path}",
                headers={**self.headers, **(headers or {})},
                body=b"" if body is None else _encode(body),
                timeout_s=self.timeout_s if timeout_s is None else timeout_s,
            )
        except TransportError as error:
            raise RequestError(str(error), definite=not error.sent) from error
        content = _decoded(answer.body, answer.status)
        if 200 <= answer.status < 300:
            return content
        raise _refusal(answer.status, content, definite, answer.headers.get(LEADER))


def _decoded(body: bytes, status: int) -> Any:
    try:
        return _decode(body) if body else None
    except msgspec.DecodeError as error:
        raise RequestError(
            f"{status}: the answer is not JSON: {error}", definite=False, status=status
        ) from error


def _refusal(status: int, content: Any, definite: Mapping[int, str], endpoint: str | None) -> RequestError:
    if not isinstance(content, dict) or not isinstance(content.get("errorNum"), int):
        return RequestError(
            f"{status} without an error number", definite=False, status=status, endpoint=endpoint
        )
    return refused(status, content, definite, endpoint)


def refused(
    status: int,
    content: Mapping[str, Any],
    definite: Mapping[int, str] = DEFINITE,
    endpoint: str | None = None,
) -> RequestError:
    """The error in an error body, which may also stand in the answer to a batch."""
    number = int(content["errorNum"])
    message = f"{status}/{number} {content.get('errorMessage', '')}".rstrip()
    known = number in definite
    return RequestError(message, definite=known, number=number, status=status, endpoint=endpoint)
