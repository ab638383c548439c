"""One real server for each module of tests, and a collection of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reference.server_process import ServerProcess

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as process:
        yield process


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that asks for credentials; `root` has the empty password."""
    folder: Path = tmp_path_factory.mktemp("guarded")
    (folder / "secret").write_text("the secret of these tests, of more than 32 bytes\n")
    options = ("--server.authentication=true", f"--server.jwt-secret-keyfile={folder / 'secret'}")
    with ServerProcess(folder / "data", *options) as process:
        yield process


@pytest.fixture
def collection(server: ServerProcess) -> str:
    name = f"c{next(_numbers)}"
    server.call("POST", "/_api/collection", {"name": name}).expect(200)
    return name
