"""Client: turns the operations of a workload into requests of a session, and answers into outcomes."""

from __future__ import annotations

from typing import Protocol

from checkers.history import Op
from workloads.protocol.outcome import Outcome


class Client(Protocol):
    """Acts for one process. A new process gets a new client on a new session."""

    async def invoke(self, op: Op) -> Outcome:
        """Do `op` once. An exception that escapes is recorded as `info`, unless it is definite."""
        ...
