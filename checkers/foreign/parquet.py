"""Histories as Parquet files, for data tools: one row for each Op, one column for each of its fields.

`index` and `time` are 64-bit integers, `value` and `key` JSON text, all else text; the process "nemesis" is
text, and so are the numbers beside it. Reading takes numbers for `process` and `key` as well, and does
without the columns `index`, `time`, `key`, `node` and `error`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet

from checkers.codec import MalformedFileError, checked, no_collection
from checkers.history import UNTIMED, History, Op

_TEXT_COLUMNS = ("process", "type", "f", "value", "key", "node", "error")


def write(path: Path, ops: Iterable[Op]) -> None:
    """Export a history."""
    ops = list(ops)
    columns: dict[str, pyarrow.Array] = {
        "index": pyarrow.array([op.index for op in ops], pyarrow.int64()),
        "time": pyarrow.array([op.time for op in ops], pyarrow.int64()),
    }
    for name in _TEXT_COLUMNS:
        columns[name] = pyarrow.array([_text(name, getattr(op, name)) for op in ops], pyarrow.string())
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def read(path: Path) -> History:
    """Read a history. Raises MalformedFileError, or OSError. "Line" in its messages is the row, from 1."""
    try:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise MalformedFileError(f"line 1: {path} is no Parquet file: {error}") from None
    with no_collection():
        return checked([_op(row, place) for place, row in enumerate(rows)])


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    return msgspec.json.encode(value).decode() if name in ("value", "key") else str(value)


def _op(row: Mapping[str, Any], place: int) -> Op:
    fields = {"index": place, "time": UNTIMED} | {
        name: part for name, part in row.items() if part is not None
    }
    process = fields.get("process")
    if isinstance(process, str) and process.isdigit():
        fields["process"] = int(process)
    try:
        for name in ("value", "key"):
            if isinstance(fields.get(name), str):
                fields[name] = msgspec.json.decode(fields[name])
        return msgspec.convert(fields, Op)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise MalformedFileError(f"line {place + 1}: {error}") from None
