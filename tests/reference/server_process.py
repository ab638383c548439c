"""Real `arangod-ref` processes for tests: a free port, a folder of their own, killed by their pid.

    with ServerProcess(tmp_path / "leader") as leader:
        leader.call("POST", "/_api/collection", {"name": "c"}).expect(200)
        leader.kill(); leader.start()          # same port, same data

Authentication is off unless `options` turn it on. Calls are synchronous; `endpoint` is what an applier needs.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_START_S = 20.0
_STOP_S = 20.0
# Below the range from which the kernel takes the ports of outgoing connections, and another part of it for
# each of the processes that run tests at the same time: a port is free until its server starts.
_PART = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_PORTS = random.Random(os.getpid()).sample(range(20_000 + _PART, 32_000, 8), 1_500)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Header names are lower case; `body` is what came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def expect(self, *statuses: int) -> Any:
        """The JSON of the body (None if empty); AssertionError with the body unless the status is
        expected.
        """
        assert self.status in statuses, f"{self.status} instead of {statuses}: {self.body[:500]!r}"
        return json.loads(self.body) if self.body else None

    def refused(self, status: int, number: int) -> str:
        """Check an error body and return its message."""
        error = self.json()
        assert (self.status, error["errorNum"]) == (status, number), f"{self.status}: {self.body[:500]!r}"
        assert error["error"] is True
        assert error["code"] == status
        return str(error["errorMessage"])


class ServerProcess:
    """One server. `options` are further command-line words, such as "--log.level=debug"."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self.url = f"http://127.0.0.1:{self.port}"
        self.options = ("--server.authentication=false", *options)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = directory.parent / f"{directory.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def command(self) -> list[str]:
        """The command line, for tests that start it themselves."""
        where = (f"--server.endpoint={self.endpoint}", f"--database.directory={self.directory}")
        return [sys.executable, "-m", "reference", *where, *self.options]

    def start(self, *options: str) -> None:
        """Start and wait until it answers; `options` replace the earlier ones if given."""
        if options:
            self.options = ("--server.authentication=false", *options)
        self.spawn()
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self.process is not None
            assert self.process.poll() is None, f"the server ended by itself: {self.tail()}"
            assert time.monotonic() < deadline, f"the server does not answer: {self.tail()}"
            time.sleep(0.01)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )
        return self.process

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone. Nothing to do if it is."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(_STOP_S)
        self.process = None

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(_STOP_S)
        self.process = None
        return code

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        timeout_s: float = 30.0,
    ) -> Reply:
        """One request on a connection of its own. `body` is sent as JSON, or as it is if it is bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-2000:]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.call("GET", "/_admin/server/availability", timeout_s=2.0).status == 200
        return False


def free_port() -> int:
    """A port that nobody listens on now and that this process has not given away before."""
    while _PORTS:
        port = _PORTS.pop()
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def wait_until(condition: Any, what: str, *, timeout_s: float = 20.0) -> None:
    """Poll `condition()` until it is true; AssertionError after the deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {timeout_s} s: {what}"
        time.sleep(0.02)
