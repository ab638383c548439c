"""Remote: one connection to one host, for one thread.

Fabric, with what it leaves out: TCP_NODELAY (without it every command waits 40 ms for a delayed
acknowledgement), time limits kept on the host as well (a local one would leave the command running), and
retries. Only the connection is retried; what may have run is sent again only because every verb of
`node.sh` may be repeated.
"""

from __future__ import annotations

import hashlib
import logging
import random
import shlex
import socket
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from fabric import Config, Connection
from fabric.runners import Remote as FabricRunner
from invoke.exceptions import CommandTimedOut, ThreadException, UnexpectedExit
from paramiko import AuthenticationException, BadHostKeyException, RejectPolicy, SSHException

from harness.environment import HostError
from harness.environments.inventory import Host

_T = TypeVar("_T")
_SCRIPT = Path(__file__).with_name("node.sh").read_bytes()
_REMOTE_SCRIPT = f".pestle/node-{hashlib.sha256(_SCRIPT).hexdigest()[:12]}.sh"
_ABSENT = 97
_ATTEMPTS = 4
IN_USE = 75

# Its threads print tracebacks of connections that are refused, beside raising them.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class _LostConnectionError(Exception):
    """The connection broke; the command may have run."""


class InUseError(HostError):
    """Somebody else holds the host's lease. The message is who and until when, in the host's seconds."""


class _Runner(FabricRunner):  # type: ignore[misc]  # fabric has no types
    input_sleep = 0.001  # how often invoke looks for the end of a command; its default costs 10 ms each


class Remote:
    """Runs verbs of `node.sh` on a host. Not thread-safe: one thread, one Remote."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._connection: Connection | None = None

    def call(self, verb: str, *words: str, timeout_s: float = 20.0) -> str:
        """Run a verb and return what it prints; HostError if it fails, cannot be sent, or takes too long."""
        return self._retried(lambda connection: self._call(connection, verb, words, timeout_s))

    def upload(self, content: bytes, path: str) -> None:
        """Write a file on the host."""
        self._retried(lambda connection: connection.put(BytesIO(content), remote=path))

    def download(self, path: str, destination: Path) -> None:
        """Fetch a file of the host."""
        self._retried(lambda connection: connection.get(path, local=str(destination)))

    def close(self) -> None:
        """Drop the connection; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _call(self, connection: Connection, verb: str, words: tuple[str, ...], timeout_s: float) -> str:
        sudo = "sudo -n " if self._host.sudo else ""
        command = f"timeout -k 1 {timeout_s:g} {sudo}sh {_REMOTE_SCRIPT} {shlex.join([verb, *words])}"
        guarded = f"test -f {_REMOTE_SCRIPT} || exit {_ABSENT}; {command}"
        code, output, error = self._run(connection, guarded, timeout_s)
        if code == _ABSENT:
            self._run(connection, "mkdir -p -m 700 .pestle", timeout_s)
            connection.put(BytesIO(_SCRIPT), remote=f"{_REMOTE_SCRIPT}.new")
            self._run(connection, f"mv {_REMOTE_SCRIPT}.new {_REMOTE_SCRIPT}", timeout_s)
            code, output, error = self._run(connection, command, timeout_s)
        if code in {124, 137}:
            raise HostError(f"{self._host.name}: {verb} took longer than {timeout_s:g} s")
        if code == IN_USE:
            raise InUseError(output.strip())
        if code != 0:
            raise HostError(f"{self._host.name}: {verb} failed: {_one_line(error) or f'exit code {code}'}")
        return output

    @staticmethod
    def _run(connection: Connection, command: str, timeout_s: float) -> tuple[int, str, str]:
        try:
            done = connection.run(command, hide=True, warn=True, in_stream=False, timeout=timeout_s + 5)
        except (CommandTimedOut, UnexpectedExit, ThreadException) as error:
            raise _LostConnectionError(f"no end of the command: {type(error).__name__}") from error
        if done.exited < 0:
            raise _LostConnectionError("the connection closed before the command ended")
        return done.exited, done.stdout, done.stderr

    def _retried(self, action: Callable[[Connection], _T]) -> _T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return action(self._opened())
            except (AuthenticationException, BadHostKeyException) as error:
                self.close()
                raise HostError(f"{self._name()} refuses us or is not who it was: {error}") from error
            except (SSHException, OSError, EOFError, _LostConnectionError) as error:
                self.close()
                if "not found in known_hosts" in str(error):
                    raise HostError(f"{self._name()} is unknown; add its key to known_hosts") from error
                if attempt == _ATTEMPTS:
                    what = str(error) or type(error).__name__
                    raise HostError(f"{self._name()} cannot be reached by SSH: {what}") from error
                time.sleep(random.uniform(0.05, 0.15) * 2**attempt)
        raise AssertionError("unreachable")

    def _name(self) -> str:
        return f"{self._host.name} ({self._host.user}@{self._host.address}:{self._host.port})"

    def _opened(self) -> Connection:
        if self._connection is None or not self._connection.is_connected:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        limits = {"banner_timeout": 5, "auth_timeout": 5, "channel_timeout": 5}
        key = {} if self._host.key is None else {"key_filename": str(self._host.key)}
        own = self._host.key is None  # a key that is named is the only one offered: sshd counts every try
        connection = Connection(
            self._host.address,
            user=self._host.user,
            port=self._host.port,
            config=Config(lazy=True, overrides={"runners": {"remote": _Runner}, "load_ssh_configs": False}),
            connect_timeout=5,
            connect_kwargs={**limits, **key, "allow_agent": own, "look_for_keys": own},
        )
        connection.client.set_missing_host_key_policy(RejectPolicy())
        if self._host.known_hosts is None:
            connection.client.load_system_host_keys()
        else:
            connection.client.load_host_keys(str(self._host.known_hosts))
        connection.open()
        connection.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def _one_line(text: str) -> str:
    return "; ".join(text.strip().splitlines())
