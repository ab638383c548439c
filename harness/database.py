"""Database: how one product is installed, started, found ready, and talked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from harness.environment import Environment
from workloads.protocol.capabilities import Session

Timings = Literal["fast", "documented"]


@dataclass(frozen=True, slots=True)
class FailoverTimings:
    """How fast servers that fail over notice things, in seconds.

    A leader serves for `lease_s` after the agency last confirmed it, which must be shorter than `grace_s`,
    after which the supervision names another.
    """

    heartbeat_s: float
    lease_s: float
    supervision_s: float
    ok_s: float
    grace_s: float
    election_s: tuple[float, float]


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """What a run tells a database. `request_timeout_s` bounds each request of a session; `timings` is how
    fast servers that fail over notice faults: "fast", as "documented", or in numbers.

    `server` and `applier` are options of the product beside those it gets anyway: of its command line by
    name, and of its replication. `guarded` servers demand a user and a password, where they follow for good.
    """

    topology: str
    request_timeout_s: float
    timings: Timings | FailoverTimings = "fast"
    server: Mapping[str, str] = field(default_factory=dict)
    applier: Mapping[str, Any] = field(default_factory=dict)
    guarded: bool = False


class Database(Protocol):
    """A product in one topology on the nodes of one environment.

    A module of `harness.databases` is one database; its function `database(options)` makes it and raises
    ValueError for a topology that it does not have.
    """

    name: str

    async def setup(self, environment: Environment) -> None:
        """Install and start it on all nodes with empty data, form the topology, return when it serves."""
        ...

    async def start(self, environment: Environment, node: str) -> None:
        """Start the node's servers again after a fault; data stay."""
        ...

    async def ready(self, environment: Environment, node: str) -> bool:
        """Whether the node's server answers requests."""
        ...

    def programs(self, node: str) -> Sequence[str]:
        """Names of the daemons on the node: what kill and pause act on."""
        ...

    def leader(self) -> str:
        """The node that leads, as far as is known now."""
        ...

    def session(self, environment: Environment, process: int) -> Session:
        """A new session for a process."""
        ...

    def describe(self) -> dict[str, str]:
        """Product, version, topology and whatever else a reader of the report must know."""
        ...
