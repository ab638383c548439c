"""Jepsen's history.edn: operations as maps, one after the other or in one vector.

    {:type :invoke, :f :cas, :value [0 1], :process 3, :time 12345, :index 7}
    #jepsen.history.Op{:index 8, :time 13000, :type :ok, :process 3, :f :cas, :value [0 1]}

Tags and record names are dropped. Keywords become strings, sets become sorted lists, whatever stands under
`:error` becomes text. The nemesis is `:process :nemesis`. Jepsen's independent tests write `[key value]` as
the value, which looks like any other vector: `checkers.foreign.take_keys_out` undoes that when asked to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import edn_format
import msgspec

from checkers.codec import MalformedFileError, checked, no_collection
from checkers.history import UNTIMED, History, Op

_TOKENS = re.compile(r'"(?:\\.|[^"\\])*"|\\\w+|\\.|;[^\n]*|[{}\[\]()]|\n', re.DOTALL)
_TAG = re.compile(r"#([A-Za-z][\w.*+!?$%&=<>/-]*)")
_BETWEEN = re.compile(r"(?:[\s,\[\]]|;[^\n]*|#[A-Za-z][\w.*+!?$%&=<>/-]*)*")
_PARSE_ERRORS = (edn_format.EDNDecodeError, NotImplementedError, ValueError)
_BATCH = 500
_STANDARD_TAGS = frozenset({"inst", "uuid"})


def read(path: Path) -> History:
    """Read a history. Raises MalformedFileError, or OSError."""
    text = path.read_text(encoding="utf-8", errors="replace")
    _drop_tags(text)
    ops: list[Op] = []
    lines: list[int] = []
    with no_collection():
        forms = list(_forms(text))
        for start in range(0, len(forms), _BATCH):
            batch = forms[start : start + _BATCH]
            for (line, _), parsed in zip(batch, _parse(batch), strict=True):
                ops.append(_op(parsed, line, len(ops)))
                lines.append(line)
    return checked(ops, lines)


def plain(value: Any) -> Any:
    """An EDN value as JSON would have it."""
    if isinstance(value, edn_format.Keyword | edn_format.Symbol):
        return value.name
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(part) for key, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(part) for part in value), key=lambda part: (str(type(part)), part))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(part) for part in value]
    if isinstance(value, Decimal | Fraction):
        return float(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _drop_tags(text: str) -> None:
    """Let the parser take a tagged value for the value itself. It keeps its tags for the whole process."""
    for tag in dict.fromkeys(_TAG.findall(text)):
        if tag not in _STANDARD_TAGS:
            edn_format.add_tag(tag, lambda value: value)


def _forms(text: str) -> Iterator[tuple[int, str]]:
    """Every outermost map, with the number of the line on which it begins."""
    line, depth, outermost, begin, end, begin_line = 1, 0, 0, -1, 0, 1
    for token in _TOKENS.finditer(text):
        mark = token[0]
        if mark in ("{", "[", "("):
            if mark == "[" and depth == 0:
                outermost = 1
            elif mark == "{" and depth == outermost:
                begin, begin_line = token.start(), line
                _expect_nothing(text, end, begin)
            depth += 1
        elif mark in ("}", "]", ")"):
            depth -= 1
            if depth == outermost and begin >= 0:
                end = token.end()
                yield begin_line, text[begin:end]
                begin = -1
        line += mark.count("\n")
    if begin >= 0:
        raise MalformedFileError(f"line {begin_line}: the map that begins here does not end")
    _expect_nothing(text, end, len(text))


def _expect_nothing(text: str, begin: int, end: int) -> None:
    blank = _BETWEEN.match(text, begin, end)
    rest = begin if blank is None else blank.end()
    if rest < end:
        line = text.count("\n", 0, rest) + 1
        raise MalformedFileError(f'line {line}: "{text[rest:end].strip()[:40]}" is no operation')


def _parse(forms: Sequence[tuple[int, str]]) -> list[Any]:
    """What the maps mean. Many at once, because the parser takes long to begin."""
    try:
        parsed = edn_format.loads("[" + "\n".join(form for _, form in forms) + "\n]")
        if len(parsed) == len(forms):
            return list(parsed)
    except _PARSE_ERRORS:
        pass  # One by one, to find the line.
    return [_parse_one(line, form) for line, form in forms]


def _parse_one(line: int, form: str) -> Any:
    try:
        return edn_format.loads(form)
    except _PARSE_ERRORS as wrong:
        raise MalformedFileError(f"line {line}: {wrong}") from None


def _op(parsed: Any, line: int, place: int) -> Op:
    fields = {"index": place, "time": UNTIMED} | plain(parsed)
    error = fields.get("error")
    if not isinstance(error, str | None):
        fields["error"] = msgspec.json.encode(error).decode()
    fields["node"] = fields["node"] if isinstance(fields.get("node"), str) else None
    try:
        return msgspec.convert(fields, Op)
    except msgspec.ValidationError as wrong:
        raise MalformedFileError(f"line {line}: {wrong}") from None
