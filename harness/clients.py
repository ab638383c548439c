"""ProcessClients: one process's clients, one for each workload, all on the process's one session."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from checkers.history import Op
from workloads.protocol.capabilities import Session
from workloads.protocol.client import Client
from workloads.protocol.outcome import Outcome
from workloads.protocol.workload import Workload


class ProcessClients:
    """Implements `harness.interpreter.ProcessClient`: finds the workload by the prefix of `f`."""

    def __init__(self, session: Session, workloads: Mapping[str, Workload]) -> None:
        self._session = session
        self._workloads = workloads
        self._clients: dict[str, Client] = {}

    async def invoke(self, op: Op) -> Outcome:
        """Let the workload's client do `op`, which it sees without the prefix."""
        if len(self._workloads) == 1:
            return await self._client(next(iter(self._workloads))).invoke(op)
        name, _, f = op.f.partition(":")
        return await self._client(name).invoke(msgspec.structs.replace(op, f=f))

    def _client(self, name: str) -> Client:
        if name not in self._clients:
            self._clients[name] = self._workloads[name].client(self._session)
        return self._clients[name]

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()
