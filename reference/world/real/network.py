"""TCP and HTTP/1.1: requests to other servers, and from clients."""

from __future__ import annotations

from reference.world import Handler, Listener, Request, Response
from reference.world.real.client import HttpClient
from reference.world.real.listener import PATIENCE, Patience, listen


class RealNetwork:
    """The machine's network. `patience` is for clients that send slowly."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self._patience = patience
        self._client = HttpClient()

    async def request(self, endpoint: str, request: Request, *, timeout_s: float) -> Response:
        """Send one request once and await the answer; raises Unreachable."""
        return await self._client.request(endpoint, request, timeout_s=timeout_s)

    async def serve(self, endpoint: str, handler: Handler) -> Listener:
        """Answer requests to `endpoint` with `handler`; raises OSError if it cannot be bound."""
        return await listen(endpoint, handler, self._patience)

    def close(self) -> None:
        """Drop the idle connections to other servers."""
        self._client.close()
