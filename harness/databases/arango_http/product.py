"""Product: what is deployed, in whatever topology."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.environment import Environment, Simulated


def _no_failover_options(heartbeat_s: float) -> Mapping[str, str]:  # noqa: ARG001 - the field's signature
    return {}


@dataclass(frozen=True, slots=True)
class Product:
    """What is deployed. `install` brings it to the nodes and says for each with which words it is started;
    `simulated` is what takes the same options in simulation, if there is such a thing. `failover_options`
    are options of its own for a member of an active failover, given the time between heartbeats.
    """

    name: str
    title: str
    program: str
    install: Callable[[Environment, Sequence[str]], Awaitable[Mapping[str, tuple[str, ...]]]]
    simulated: Simulated | None = None
    failover_options: Callable[[float], Mapping[str, str]] = _no_failover_options
