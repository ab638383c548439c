"""A client's connection to a simulated server: what `harness.http` is on real hosts."""

from __future__ import annotations

from collections.abc import Mapping

from harness.environment import Answer, TransportError
from harness.environments.simulation.network import CLIENTS, Caller, SimulatedNetwork
from reference.world import Request, Unreachable


class SimulatedTransport:
    """Requests to one server, one at a time, each sent once. Implements `harness.environment.Transport`."""

    def __init__(self, network: SimulatedNetwork, host: str, port: int) -> None:
        self._network = network
        self._host = host
        self._port = port
        self._address = f"{host}:{port}"
        self._caller = Caller(CLIENTS)
        self._busy = False

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Send one request and await its answer. `timeout_s` bounds connecting and answering together."""
        if self._busy:
            raise RuntimeError("a connection carries one request at a time")
        self._busy, is_whole = True, False
        named = {"host": self._address}
        for name, said in headers.items():
            named[name.lower()] = said
        try:
            response = await self._network.request(
                self._caller, self._host, self._port, Request(method, target, named, body), timeout_s
            )
            is_whole = True
        except Unreachable as error:
            raise TransportError(f"{self._address}: {error}", sent=error.sent) from None
        finally:
            self._busy = False
            if not is_whole:  # nobody may take a late answer for the answer to something else
                await self.close()
        return Answer(response.status, response.headers, b"" if method == "HEAD" else response.body)

    async def close(self) -> None:
        """Drop the connection."""
        self._caller.peers.clear()
