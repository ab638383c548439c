"""The history's own file format: JSON lines, one Op on each.

A line is written whole and at once, so that a history survives the death of its writer. Only its last line
can then be torn: a last line without its newline that does not parse is left out and noted. A malformed line
anywhere else means that the file is not what was recorded, and is an error that names the line.

Required are `process`, `type` and `f`. A missing `index` is the line's place; a missing `time` leaves out
whatever is measured in time. Fields that Op does not know are ignored. Files of other tools are read by
`checkers.foreign`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from checkers.history import UNTIMED, History, MalformedHistoryError, Op, OpType, Process

_encoder = msgspec.json.Encoder()
_op = msgspec.json.Decoder(Op)


class _Line(msgspec.Struct):
    """What a line may look like: Op, but without `index` and `time`."""

    process: Process
    type: OpType
    f: str
    index: int | None = None
    time: float | None = None
    value: Any = None
    key: int | str | None = None
    node: str | None = None
    error: Any = None

    def op(self, index: int) -> Op:
        return Op(
            index=index if self.index is None else self.index,
            time=UNTIMED if self.time is None else round(self.time),
            process=self.process,
            type=self.type,
            f=self.f,
            value=self.value,
            key=self.key,
            node=self.node,
            error=self.error if self.error is None or isinstance(self.error, str) else str(self.error),
        )


_line = msgspec.json.Decoder(_Line)


class MalformedFileError(ValueError):
    """The file is no history. The message names the line, counted from 1."""


def decode_line(line: bytes, index: int) -> Op:
    """The operation on one line, which is known to be one; `index` counts if the line has none."""
    return _line.decode(line).op(index)


def encode_all(ops: Iterable[Op]) -> bytes:
    """The content of a file."""
    return _encoder.encode_lines(ops)


def encode(op: Op) -> bytes:
    """One line, newline included."""
    return _encoder.encode(op) + b"\n"


def write(path: Path, ops: Iterable[Op]) -> None:
    """Write a whole history."""
    with path.open("wb") as file:
        file.writelines(encode(op) for op in ops)


def read(path: Path) -> History:
    """Read a history, checked. Raises MalformedFileError, or OSError if the file cannot be read."""
    return decode(path.read_bytes())


def decode(data: bytes) -> History:
    """The history in the content of a file, checked. Raises MalformedFileError."""
    with no_collection():
        try:
            return checked(_op.decode_lines(data))
        except (msgspec.DecodeError, UnicodeDecodeError, MalformedFileError):
            return checked(*_decode_slowly(data))


def checked(ops: list[Op], lines: list[int] | None = None, notes: tuple[str, ...] = ()) -> History:
    """The history of `ops` if they can be one; `lines` are their line numbers, 1, 2, 3, … if None.

    Raises MalformedFileError.
    """
    history = History(ops, notes)
    try:
        history.pairs  # noqa: B018 - pairing checks, and is kept for the checkers
    except MalformedHistoryError as error:
        number = error.position + 1 if lines is None else lines[error.position]
        raise MalformedFileError(f"line {number}: {error}") from None
    return history


@contextmanager
def no_collection() -> Iterator[None]:
    """Run without the cyclic garbage collector, which would visit each of a million new records in vain."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _decode_slowly(data: bytes) -> tuple[list[Op], list[int], tuple[str, ...]]:
    """Line by line: for files with blank lines, without an index, torn, or wrong, which is then said."""
    ops: list[Op] = []
    numbers: list[int] = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            ops.append(_line.decode(line).op(len(ops)))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if number == len(lines) and not isinstance(error, msgspec.ValidationError):
                return ops, numbers, (f"line {number}, the last, is torn and was left out",)
            _refuse(number, error)
        numbers.append(number)
    return ops, numbers, ()


def _refuse(number: int, error: Exception) -> NoReturn:
    raise MalformedFileError(f"line {number}: {error}") from None
