"""Servers under measurement: started on one core, found ready, looked at from outside, ended for certain."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.bench.load import BenchError

START_LIMIT_S = 180.0
POLL_S = 0.002


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where. None: the machine has one core, or cannot say."""

    server: int | None
    load: int | None

    @property
    def described(self) -> str:
        """In words."""
        if self.server is None:
            return "server and load not kept apart: only one core, or no way to choose one"
        return f"server on core {self.server}, load on core {self.load}"


@contextmanager
def apart() -> Iterator[Cores]:
    """Keep this program on the second core while inside; servers started with the result get the first."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(usable) < 2:
        yield Cores(None, None)
        return
    cores = Cores(usable[0], usable[1])
    with _on({usable[1]}):
        yield cores


@contextmanager
def _on(cores: set[int]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `start_s` is the time from the start of its process to its first good answer."""

    process: subprocess.Popen[bytes]
    port: int
    start_s: float

    def memory_bytes(self) -> int:
        """The memory that it holds (resident set)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def cpu_s(self) -> float:
        """CPU time that it has used, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Product:
    """How one product is started, and the request that a ready server answers with `good` in it."""

    name: str
    command: Callable[[int, Path], Sequence[str]]
    ping: bytes
    good: bytes


def reference_command(port: int, directory: Path) -> Sequence[str]:
    """The reference with authentication off, as its own process: nothing of it is imported here."""
    return (
        *(sys.executable, "-m", "reference", "--server.endpoint", f"tcp://127.0.0.1:{port}"),
        *("--database.directory", str(directory), "--server.authentication", "false", "--log.level", "error"),
    )


def redis_command(fsync: str) -> Callable[[int, Path], Sequence[str]]:
    """Redis with its append-only file; `fsync` is always or everysec."""

    def command(port: int, directory: Path) -> Sequence[str]:
        return (
            *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)),
            *("--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--loglevel", "warning"),
        )

    return command


REFERENCE = Product(
    "arangod-ref", reference_command, b"GET /_api/version HTTP/1.1\r\nhost: bench\r\n\r\n", b" 200 "
)


def redis(fsync: str) -> Product | None:
    """Debian's redis-server if it is installed."""
    if shutil.which("redis-server") is None:
        return None
    return Product("redis-server", redis_command(fsync), b"PING\r\n", b"PONG")


@contextmanager
def running(product: Product, directory: Path, cores: Cores) -> Iterator[Server]:
    """The product on a free port with its data in `directory`, ended with SIGKILL at the end.

    Raises BenchError with the end of its output if it does not serve.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    output = directory.with_suffix(".output")
    with output.open("wb") as log:
        began = time.perf_counter()
        with _on({cores.server} if cores.server is not None else os.sched_getaffinity(0)):
            process = subprocess.Popen(  # noqa: S603 - a fixed command, without a shell
                product.command(port, directory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_variables(),
            )
    try:
        _await_ready(product, process, port, output)
        yield Server(process, port, time.perf_counter() - began)
    finally:
        process.kill()
        process.wait()


def _variables() -> dict[str, str]:
    """Our variables, but for the one that makes Python compile everything anew at each start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _await_ready(product: Product, process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.perf_counter() + START_LIMIT_S
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            break
        if _answers(product, port):
            return
        time.sleep(POLL_S)
    last = output.read_text(encoding="utf-8", errors="replace")[-800:].strip()
    state = "did not answer" if process.poll() is None else f"ended with {process.returncode}"
    raise BenchError(f"{product.name} {state}; its last words: {last or 'none'}")


def _answers(product: Product, port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(product.ping)
            return product.good in connection.recv(4096)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
