"""The starter: what it starts, and that nothing is left of it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reference.options import parse
from reference.starter.command import main
from reference.starter.plan import plan


@pytest.mark.parametrize("mode", ["single", "activefailover"])
@pytest.mark.parametrize("secret", ["", "/secret"])
def test_every_planned_process_has_options_that_the_server_takes(mode: str, secret: str) -> None:
    for part in plan(mode, 8528, secret_file=secret):
        options = parse(["--database.directory", "/data", *part.options])
        assert options.server.authentication is bool(secret)
        assert options.server.endpoint == f"tcp://127.0.0.1:{part.port}"


def test_active_failover_has_three_agents_before_three_servers_on_the_known_ports() -> None:
    folders = [part.folder for part in plan("activefailover", 8528)]
    assert folders == ["agent8531", "agent8541", "agent8551", "single8529", "single8539", "single8549"]


def test_a_wrong_port_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--starter.port", "70000", "--starter.data-dir", str(tmp_path)]) == 1
    assert "no port" in capsys.readouterr().err


def test_a_missing_secret_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ["--auth.jwt-secret", str(tmp_path / "none"), "--starter.data-dir", str(tmp_path)]
    assert main(wrong) == 1
    assert "is no file" in capsys.readouterr().err


def test_a_single_server_serves_until_the_starter_is_told_to_end(tmp_path: Path) -> None:
    port = _free_port()
    words = ["--starter.mode=single", "--starter.local", "--starter.port", str(port - 1)]
    starter = subprocess.Popen(
        [sys.executable, "-m", "reference.starter.command", *words, "--starter.data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
    )
    try:
        _await(port, serving=True)
    finally:
        starter.send_signal(signal.SIGTERM)
        assert starter.wait(30) == 0
    _await(port, serving=False)
    assert (tmp_path / f"single{port}" / "arangod.log").is_file()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await(port: int, *, serving: bool) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if (client.connect_ex(("127.0.0.1", port)) == 0) is serving:
                return
        time.sleep(0.05)
    raise AssertionError(f"port {port}: serving is not {serving}")
