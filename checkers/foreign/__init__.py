"""Histories in other formats than our own: Parquet, Jepsen's EDN, Jepsen's log.

Each module reads one format into a History that was checked as our own files are. Reading is all that is done
here, but for Parquet, into which histories are exported for data tools. A module is loaded when it is used,
because the libraries behind them take longer to load than most checks take.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import msgspec

from checkers.history import NEMESIS, History, Op

FORMATS = {
    "jsonl": "checkers.codec",
    "parquet": "checkers.foreign.parquet",
    "edn": "checkers.foreign.edn",
    "jepsen-log": "checkers.foreign.jepsen_log",
}
"""The names of the formats, and the module that reads each."""

_PARQUET = b"PAR1"
_JEPSEN_LOG = re.compile(r"\bjepsen\.util\s+-\s+:?\w+\s+:")
_EDN = re.compile(r"\s*(?:;[^\n]*\n\s*)*(?:\[\s*)?(?:#[a-z][\w.\-]*\s*)?\{\s*:")


def load(path: Path, format_name: str | None = None) -> History:
    """Read a history in the named format, or in the one that its first bytes show.

    Raises MalformedFileError, or OSError if the file cannot be read.
    """
    history: History = import_module(FORMATS[format_name or guess(path)]).read(path)
    return history


def guess(path: Path) -> str:
    """The format of a file by how it begins; our own if that shows nothing."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(_PARQUET):
        return "parquet"
    text = head.decode(errors="replace")
    if _JEPSEN_LOG.search(text) and not text.startswith("{"):
        return "jepsen-log"
    return "edn" if _EDN.match(text) else "jsonl"


def take_keys_out(history: History) -> History:
    """The history with `[key, value]` taken apart where that is the value of a client's operation."""
    return History((_take_key_out(op) for op in history), history.notes)


def _take_key_out(op: Op) -> Op:
    if op.process == NEMESIS or not isinstance(op.value, list) or len(op.value) != 2:
        return op
    key, value = op.value
    name = key if isinstance(key, int | str) else msgspec.json.encode(key).decode()
    return msgspec.structs.replace(op, key=name, value=value)
