"""Plan: the processes of a deployment, as values."""

from __future__ import annotations

from dataclasses import dataclass

MODES = ("single", "activefailover")
_BETWEEN = 10
_SERVER, _AGENT = 1, 3
_MEMBERS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One process: its folder below the data directory, its port, and its options but for the folder."""

    folder: str
    port: int
    options: tuple[str, ...]


def plan(mode: str, port: int, *, secret_file: str = "") -> tuple[Part, ...]:
    """The processes in the order in which they are to be started. `port` is the base; with `secret_file` the
    processes trust each other and nobody else without a password.
    """
    common = _trust(secret_file)
    if mode == "single":
        return (_part("single", port + _SERVER, common),)
    places = range(_MEMBERS)
    agents = [_address(port, place, _AGENT) for place in places]
    return (
        *(_part("agent", _port(port, n, _AGENT), (*common, *_agent(agents, n))) for n in places),
        *(
            _part("single", _port(port, n, _SERVER), (*common, *_member(_address(port, n, _SERVER), agents)))
            for n in places
        ),
    )


def _part(kind: str, port: int, options: tuple[str, ...]) -> Part:
    return Part(f"{kind}{port}", port, ("--server.endpoint", f"tcp://127.0.0.1:{port}", *options))


def _port(base: int, place: int, offset: int) -> int:
    return base + place * _BETWEEN + offset


def _address(base: int, place: int, offset: int) -> str:
    return f"tcp://127.0.0.1:{_port(base, place, offset)}"


def _trust(secret_file: str) -> tuple[str, ...]:
    if not secret_file:
        return ("--server.authentication", "false")
    return ("--server.authentication", "true", "--server.jwt-secret-keyfile", secret_file)


def _agent(agents: list[str], place: int) -> tuple[str, ...]:
    return (
        *("--agency.activate", "true", "--agency.size", str(len(agents))),
        *("--agency.my-address", agents[place], "--agency.supervision", "true"),
        *(word for agent in agents for word in ("--agency.endpoint", agent)),
    )


def _member(address: str, agents: list[str]) -> tuple[str, ...]:
    return (
        *("--replication.automatic-failover", "true", "--cluster.my-role", "SINGLE"),
        *("--cluster.my-address", address),
        *(word for agent in agents for word in ("--cluster.agency-endpoint", agent)),
    )
