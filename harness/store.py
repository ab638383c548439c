"""The folder of a run, written as things happen.

    test.json  history.jsonl  faults.jsonl  results.json  report.html  junit.xml  nodes/<node>/*.log

Every line of the history and of the faults is handed to the operating system by one unbuffered write, so that
it survives the death of the harness; whole files are replaced, never half written.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from checkers import codec
from checkers.history import History, Op


class Records(Protocol):
    """Where a run writes down what happens in it."""

    def record(self, op: Op) -> bytes:
        """Append one operation to the history; returns its line. Raises TypeError if its value is no JSON."""
        ...

    def record_fault(self, fault: Any) -> None:
        """Append one fault, which has ended."""
        ...

    def write(self, name: str, content: Any) -> None:
        """Write a whole JSON file."""
        ...

    def write_text(self, name: str, text: str) -> None:
        """Write a whole text file."""
        ...

    def node(self, node: str) -> Path | None:
        """The folder for a node's logs; None if nobody wants them."""
        ...


class RunFolder:
    """One run's files below `path`, which is made and must be new."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True)
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._history = os.open(self.history_path, flags, 0o644)
        self._faults = os.open(path / "faults.jsonl", flags, 0o644)

    @property
    def history_path(self) -> Path:
        """Where the history is."""
        return self.path / "history.jsonl"

    def record(self, op: Op) -> bytes:
        """Append one operation to the history; returns its line. Raises TypeError if its value is no JSON."""
        line = codec.encode(op)
        os.write(self._history, line)
        return line

    def record_fault(self, fault: Any) -> None:
        """Append one fault, which has ended."""
        os.write(self._faults, msgspec.json.encode(fault) + b"\n")

    def history(self) -> History:
        """What was recorded, read back from the file: the evidence is what is on disk."""
        return codec.read(self.history_path)

    def write(self, name: str, content: Any) -> None:
        """Write a whole JSON file."""
        self.write_text(name, msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a whole text file."""
        partial = self.path / f".{name}.partial"
        partial.write_text(text)
        partial.replace(self.path / name)

    def node(self, node: str) -> Path:
        """The folder for a node's logs."""
        folder = self.path / "nodes" / node
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        """Nothing is recorded any more."""
        os.close(self._history)
        os.close(self._faults)


class Memory:
    """What a run writes down, kept in memory: for runs by the thousand, of which few deserve a folder."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self.texts: dict[str, str] = {}

    def record(self, op: Op) -> bytes:
        """Keep one operation, as a file would; returns its line."""
        line = codec.encode(op)
        self._lines.append(line)
        return line

    def record_fault(self, fault: Any) -> None:
        """Not kept: the run itself knows its faults."""

    def history(self) -> History:
        """What was recorded, checked."""
        return codec.decode(b"".join(self._lines))

    def write(self, name: str, content: Any) -> None:
        """Keep a file's content."""
        self.write_text(name, msgspec.json.encode(content).decode())

    def write_text(self, name: str, text: str) -> None:
        """Keep a file's content."""
        self.texts[name] = text

    def node(self, node: str) -> None:
        """Nobody wants logs."""


def new_run_folder(results: Path, name: str, started: datetime) -> RunFolder:
    """A new folder below `results` for a run that starts now; its name is the moment, in UTC."""
    moment = started.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    attempt = 1
    while True:
        suffix = "" if attempt == 1 else f"-{attempt}"
        try:
            return RunFolder(results / "runs" / name / f"{moment}{suffix}")
        except FileExistsError:
            attempt += 1
