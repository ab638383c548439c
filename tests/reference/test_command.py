"""`arangod-ref` as a process: how it starts, refuses to start, and ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reference import VERSION
from tests.reference.server_process import ServerProcess, wait_until

_ROOT = Path(__file__).parents[2]


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reference", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=_ROOT, check=False)


def _refused(server: ServerProcess) -> str:
    """Start, expect exit code 1, and return the one sentence."""
    process = server.spawn()
    assert process.wait(30) == 1
    server.process = None
    lines = server.log.read_text().splitlines()
    assert "Traceback" not in server.log.read_text()
    return lines[-1]


def test_help_and_version_answer_at_once() -> None:
    shown = _run("--help")
    assert shown.returncode == 0
    assert "--server.endpoint" in shown.stdout
    assert _run("--version").stdout == f"arangod-ref {VERSION}\n"


@pytest.mark.parametrize("words", [("--nothing",), (), ("--database.directory",)])
def test_a_wrong_command_line_is_exit_code_1_and_one_sentence(words: tuple[str, ...]) -> None:
    ended = _run(*words)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("arangod-ref: ")


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    ended = _run("--database.directory", str(tmp_path / "d"), "--server.jwt-secret-keyfile", missing)
    assert ended.returncode == 1
    assert missing in ended.stderr


def test_the_log_says_when_it_is_ready_and_when_it_ended(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert server.stop() == 0
        text = server.log.read_text()
        assert f"INFO arangod-ref {VERSION} is ready for business on {server.endpoint}" in text
        assert text.rstrip().endswith("has been shut down")
        assert "Traceback" not in text


def test_interrupt_ends_it_as_well(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert server.process is not None
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    with socket.create_server(("127.0.0.1", server.port)):
        sentence = _refused(server)
    assert server.endpoint in sentence
    assert "in use" in sentence


def test_a_folder_in_use_is_named(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as first:
        second = ServerProcess(tmp_path / "data")
        second.log = tmp_path / "second.log"
        sentence = _refused(second)
        assert "another server is using it" in sentence
        first.call("GET", "/_api/version").expect(200)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    server = ServerProcess(tmp_path / "file")
    server.log = tmp_path / "log"
    assert str(tmp_path / "file") in _refused(server)


def test_a_damaged_log_is_refused_with_its_place(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        server.call("POST", "/_api/collection", {"name": "c"}).expect(200)
        for number in range(50):
            server.call("POST", "/_api/document/c?waitForSync=true", {"_key": f"k{number}"}).expect(201)
        server.kill()
        log = max((tmp_path / "data").rglob("*.log"), key=lambda path: path.stat().st_size)
        data = bytearray(log.read_bytes())
        data[len(data) // 2] ^= 0xFF
        log.write_bytes(data)
        sentence = _refused(server)
        assert log.name in sentence


def test_requests_during_recovery_are_told_to_wait(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        server.call("POST", "/_api/collection", {"name": "c"}).expect(200)
        batch = [{"text": "x" * 100} for _ in range(20_000)]
        server.call("POST", "/_api/document/c", batch).expect(202)
        server.kill()
        server.spawn()
        seen = []

        def answers() -> bool:
            try:
                seen.append(server.call("GET", "/_api/collection/c/count", timeout_s=5))
            except OSError:
                return False
            return seen[-1].status == 200

        wait_until(answers, "the end of the recovery")
        for reply in seen[:-1]:
            reply.refused(503, 503)
        assert seen[-1].expect(200)["count"] == 20_000


def test_a_request_in_progress_may_end_when_the_server_stops(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        server.call("POST", "/_api/collection", {"name": "c"}).expect(200)
        begin = {"collections": {"exclusive": "c"}}
        server.call("POST", "/_api/transaction/begin", begin).expect(201)
        process = server.process
        assert process is not None
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as waiting:
            body = b'{"collections":{"write":"c"},"lockTimeout":1}'
            head = f"POST /_api/transaction/begin HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            waiting.sendall(head.encode() + body)
            time.sleep(0.2)  # the request must have arrived, which nobody can see from outside
            process.send_signal(signal.SIGTERM)
            assert b"HTTP/1.1 500" in waiting.recv(10_000)
        assert process.wait(20) == 0


_FAILING_DISK = """
import os, sys
from reference.command import main
sync, broken = os.fdatasync, sys.argv.pop(1)
def fdatasync(descriptor):
    if os.path.exists(broken):
        raise OSError(5, "Input/output error")
    sync(descriptor)
os.fdatasync = fdatasync
sys.exit(main())
"""


@pytest.mark.parametrize(("query", "status"), [("", 202), ("?waitForSync=true", 500)])
def test_a_disk_that_fails_before_or_in_the_shutdown_is_exit_code_1_and_one_sentence(
    tmp_path: Path, query: str, status: int
) -> None:
    class OnFailingDisk(ServerProcess):
        def command(self) -> list[str]:
            python, _, _, *words = super().command()
            return [python, "-c", _FAILING_DISK, str(tmp_path / "broken"), *words]

    with OnFailingDisk(tmp_path / "data", "--rocksdb.sync-interval=0") as server:
        server.call("POST", "/_api/collection", {"name": "c"}).expect(200)
        (tmp_path / "broken").touch()
        server.call("POST", f"/_api/document/c{query}", {}).expect(status)
        assert server.stop() == 1
        text = server.log.read_text()
        assert "the last writes may not be on the disk: " in text.splitlines()[-1]
        assert "Traceback" not in text


def test_cold_start_is_quick(tmp_path: Path) -> None:
    began = time.monotonic()
    with ServerProcess(tmp_path / "data"):
        elapsed_s = time.monotonic() - began
    # 0.4 s on an idle machine; what CI grants is a bound against mistakes, such as an import that became
    # heavy.
    assert elapsed_s < 3
