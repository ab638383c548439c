"""Leader: the follower's side of the conversation with the server it replicates from.

Every method is one request, sent once. What the caller must tell apart:

* `LeaderSilent` (errorNum 1400): no answer, or one that says "not now" (5xx). Asking again may help.
* any other `ArangoError`: the leader refused or answered nonsense (1401, 1402). Asking again will not help.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from reference.errors import ArangoError
from reference.replication.configuration import ApplierConfiguration
from reference.world import Network, Request, Response, Unreachable

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_FAREWELL_S = 2.0


class LeaderSilent(ArangoError):  # noqa: N818 - a state of the leader, named as such
    """The leader gave no usable answer now (errorNum 1400)."""

    def __init__(self, message: str) -> None:
        super().__init__(1400, message)


class Leader:
    """The leader of one configuration, asked on behalf of the applier `syncer_id` of server `server_id`."""

    def __init__(
        self, network: Network, configuration: ApplierConfiguration, server_id: str, syncer_id: str
    ) -> None:
        self.endpoint = configuration.endpoint
        self.follower_id = server_id
        self._network = network
        self._address = configuration.connect_endpoint
        self._prefix = f"/_db/{quote(configuration.database, safe='')}"
        self._timeout_s = configuration.request_timeout
        self._headers = authorization(configuration)
        identity = {"serverId": server_id, "syncerId": syncer_id, "clientInfo": "applier"}
        self._identity = urlencode(identity)

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Response:
        """GET below the leader's database."""
        return await self._send("GET", path, query or {}, b"")

    async def put(self, path: str, query: Mapping[str, Any], body: Any) -> Response:
        """PUT a JSON body below the leader's database."""
        return await self._send("PUT", path, query, _encode(body))

    async def json(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON value that GET answers."""
        return self._value(await self.get(path, query))

    async def start_batch(self, ttl_s: float) -> dict[str, Any]:
        """Pin a snapshot on the leader: `{"id", "lastTick", "state"?}`."""
        response = await self._send(
            "POST", "/_api/replication/batch", {"state": "true"}, _encode({"ttl": ttl_s})
        )
        batch: dict[str, Any] = self._value(response)
        return batch

    async def extend_batch(self, batch: str, ttl_s: float) -> None:
        """Keep a snapshot for `ttl_s` more seconds."""
        await self.put(f"/_api/replication/batch/{batch}", {}, {"ttl": ttl_s})

    async def end_batch(self, batch: str) -> None:
        """Let a snapshot go; not worth waiting for, because it would also go by itself."""
        timeout_s = min(self._timeout_s, _FAREWELL_S)
        await self._send("DELETE", f"/_api/replication/batch/{batch}", {}, b"", timeout_s=timeout_s)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: bytes,
        *,
        timeout_s: float | None = None,
    ) -> Response:
        asked = f"{urlencode(query)}&{self._identity}" if query else self._identity
        target = f"{self._prefix}{path}?{asked}"
        try:
            response = await self._network.request(
                self._address,
                Request(method, target, self._headers, body),
                timeout_s=timeout_s or self._timeout_s,
            )
        except Unreachable as error:
            raise LeaderSilent(f"could not connect to leader at {self.endpoint}: {error}") from error
        if response.status < 300:
            return response
        raise self._refusal(method, path, response)

    def _refusal(self, method: str, path: str, response: Response) -> ArangoError:
        try:
            reason = _decode(response.body)["errorMessage"]
        except (msgspec.DecodeError, TypeError, KeyError):
            reason = "no further reason"
        message = f"leader at {self.endpoint} answered {method} {path} with HTTP {response.status}: {reason}"
        if response.status >= 500:
            return LeaderSilent(message)
        if response.status == 401:
            message += " (check the username and password of the applier's configuration)"
        return LeaderRefused(response.status, message)

    def _value(self, response: Response) -> Any:
        with sense(self.endpoint, "JSON"):
            return _decode(response.body)


@contextmanager
def sense(endpoint: str, what: str) -> Iterator[None]:
    """Around the reading of an answer: whatever is missing or of the wrong kind is ArangoError 1401."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:  # msgspec's errors are ValueErrors
        message = f"invalid response: {what} from leader at {endpoint} cannot be read: {error!r}"
        raise ArangoError(1401, message) from error


class LeaderRefused(ArangoError):  # noqa: N818 - likewise
    """The leader answered with a refusal (errorNum 1402); `http_status` is its status."""

    def __init__(self, http_status: int, message: str) -> None:
        super().__init__(1402, message)
        self.http_status = http_status


def authorization(configuration: ApplierConfiguration) -> dict[str, str]:
    """The header that a configuration authenticates with; none if it names no user and no token (LF-AUTH)."""
    if configuration.jwt:
        return {"authorization": f"bearer {configuration.jwt}"}
    if configuration.username:
        pair = f"{configuration.username}:{configuration.password}".encode()
        return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}
