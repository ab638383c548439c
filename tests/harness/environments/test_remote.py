"""Hosts that do not answer as they should. Everything here is on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.environment import EnvironmentOptions, HostError
from harness.environments import ssh
from harness.environments.inventory import Host, Inventory
from harness.environments.remote import Remote
from harness.environments.worker import on_all


@contextmanager
def listening(*, greeting: bytes) -> Iterator[int]:
    """A server that greets and says nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.sendall(greeting)
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_a_host_where_nobody_listens_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(HostError, match=rf"n1 \(root@127\.0\.0\.1:{port}\) cannot be reached by SSH"):
        Remote(Host("n1", "127.0.0.1", port=port)).call("state", "x")


def test_a_host_that_speaks_no_ssh_is_named() -> None:
    with (
        listening(greeting=b"220 mail\r\n") as port,
        pytest.raises(HostError, match="cannot be reached by SSH"),
    ):
        Remote(Host("n1", "127.0.0.1", port=port)).call("state", "x")


async def test_all_hosts_are_tried_at_once_and_all_failures_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    hosts = tuple(Host(f"n{number}", "127.0.0.1", port=port) for number in (1, 2, 3))
    environment = ssh.SshEnvironment(Inventory(hosts))
    began = time.monotonic()
    with pytest.raises(HostError, match=r"(?s)n1 .*n2 .*n3 "):
        await environment.open()
    assert time.monotonic() - began < 10
    with pytest.raises(HostError, match="n1 is not open"):
        await environment.processes.state("n1", "x")


def test_ssh_without_an_inventory_says_where_to_get_one() -> None:
    with pytest.raises(HostError, match="--inventory FILE"):
        ssh.environment(EnvironmentOptions())


async def test_a_failure_that_is_no_hosts_is_not_taken_for_one() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def fine() -> int:
        return 1

    with pytest.raises(ZeroDivisionError):
        await on_all({"n1": fine(), "n2": broken()})
    assert await on_all({"n1": fine()}) == {"n1": 1}
