"""The starter: what it starts, and that nothing is left of it."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from reference.options import parse
from reference.starter.command import main
from reference.starter.plan import plan
from tests.reference.server_process import free_port, wait_until

_OFFSETS = (1, 3, 11, 13, 21, 23)
"""Of the ports of servers and agents from the first one."""


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


def test_an_active_failover_has_a_leader_soon_and_nothing_is_left_when_the_starter_ends(
    tmp_path: Path,
) -> None:
    first = _free_range()
    words = ["--starter.mode=activefailover", "--starter.local", "--starter.port", str(first)]
    starter = subprocess.Popen(
        [sys.executable, "-m", "reference.starter.command", *words, "--starter.data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
    )
    servers = [f"http://127.0.0.1:{first + offset}" for offset in (1, 11, 21)]
    try:
        for offset in _OFFSETS:
            _await(first + offset, serving=True)
        wait_until(lambda: sum(_leads(url) for url in servers) == 1, "one of three leads", timeout_s=60)
        wait_until(lambda: _known(servers) == 3, "the leader knows all three", timeout_s=60)
    finally:
        starter.send_signal(signal.SIGTERM)
        assert starter.wait(60) == 0
    for offset in _OFFSETS:
        _await(first + offset, serving=False)


def _leads(url: str) -> bool:
    return _get(url, "/_api/database/current") is not None


def _known(servers: list[str]) -> int:
    """How many endpoints the leader names."""
    answers = [_get(url, "/_api/cluster/endpoints") for url in servers if _leads(url)]
    return len(answers[0]["endpoints"]) if answers and answers[0] else 0


def _get(url: str, path: str) -> Any:
    try:
        with urllib.request.urlopen(url + path, timeout=5) as answer:
            return json.load(answer)
    except OSError:  # refused with a status, or not there
        return None


def _free_range() -> int:
    """A first port of which all that the starter takes are free."""
    while True:
        first = free_port()
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for offset in _OFFSETS:
                stack.enter_context(socket.create_server(("127.0.0.1", first + offset)))
            return first


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
