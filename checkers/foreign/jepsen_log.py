r"""The operations in a log of an early Jepsen, as in the etcd logs of Porcupine's test data.

    INFO  jepsen.util - 0\t:invoke\t:write\t3
    INFO  jepsen.util - 0\t:ok\t:write\t3
    INFO  jepsen.util - 1\t:info\t:cas\t:timed-out

Fields are process, type, f and value; a value that is a keyword is the reason of a failure. There are no
times. Lines of other loggers are skipped; a line of this logger that begins like an operation must be one.

A `cas` that failed and gives its value, not a reason, is etcd's answer that it compared and found another
value. That is an observation, so it becomes `ok` with value false, and the models count it as one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import edn_format

from checkers.codec import MalformedFileError, checked, no_collection
from checkers.foreign.edn import plain
from checkers.history import NEMESIS, UNTIMED, History, Op

_OPERATION = re.compile(r"\bjepsen\.util\s+-\s+(?=:?\w+\s+:)")
_FIELDS = re.compile(
    r"(?P<process>\d+|:nemesis)\s+:(?P<type>invoke|ok|fail|info)\s+:(?P<f>\S+)(?:\s+(?P<value>.+))?$"
)


def read(path: Path) -> History:
    """Read a log. Raises MalformedFileError, or OSError."""
    ops: list[Op] = []
    lines: list[int] = []
    with no_collection(), path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            begin = _OPERATION.search(line)
            if begin is not None:
                ops.append(_parse(line[begin.end() :].strip(), len(ops), number))
                lines.append(number)
    if not ops:
        raise MalformedFileError(
            'line 1: no line has an operation, like "INFO jepsen.util - 0 :invoke :read nil"'
        )
    return checked(ops, lines)


def _parse(text: str, index: int, number: int) -> Op:
    fields = _FIELDS.match(text)
    if fields is None:
        raise MalformedFileError(f'line {number}: "{text}" is not process, type, f and value')
    value, error = _value(fields["value"], number)
    kind: Any = fields["type"]
    if (kind, fields["f"]) == ("fail", "cas") and error is None:
        kind, value = "ok", False
    process = NEMESIS if fields["process"] == ":nemesis" else int(fields["process"])
    return Op(index=index, time=UNTIMED, process=process, type=kind, f=fields["f"], value=value, error=error)


def _value(text: str | None, number: int) -> tuple[Any, str | None]:
    """The value, or the error that stands in its place."""
    if text is None:
        return None, None
    if text.startswith(":"):
        return None, text[1:]
    try:
        return plain(edn_format.loads(text)), None
    except (edn_format.EDNDecodeError, NotImplementedError) as error:
        raise MalformedFileError(f'line {number}: the value "{text}" is no EDN: {error}') from None
