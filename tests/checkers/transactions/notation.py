"""Histories of transactions, written by hand in a line each."""

from __future__ import annotations

from typing import Any

from checkers.history import History, Op

Mops = list[list[Any]]


def mops(text: str) -> Mops:
    """ "a x 1, r x [1 2], w y 3, r y nil": appends, reads of lists, writes, reads."""
    return [_mop(part.strip()) for part in text.split(",") if part.strip()]


def _mop(text: str) -> list[Any]:
    f, key, value = text.split(" ", 2)
    if value.startswith("["):
        return [f, key, [int(word) for word in value[1:-1].split()]]
    return ["append" if f == "a" else f, key, None if value in ("nil", "?") else int(value)]


def sequence(*lines: str) -> History:
    """One after the other: "ok a x 1, r x [1]"; a number in front is the process, else a new one."""
    ops: list[Op] = []
    for number, line in enumerate(lines):
        process, kind, value = _parts(line, number)
        _add(ops, process, "invoke", value)
        _add(ops, process, kind, value)
    return History(ops)


def together(*lines: str) -> History:
    """All at the same time: all begin, then all end."""
    ops: list[Op] = []
    parts = [_parts(line, number) for number, line in enumerate(lines)]
    for process, _, value in parts:
        _add(ops, process, "invoke", value)
    for process, kind, value in parts:
        _add(ops, process, kind, value)
    return History(ops)


def timeline(*lines: str) -> History:
    """Line by line: "0 invoke a x 1", "1 invoke r x ?", "0 ok a x 1", …"""
    ops: list[Op] = []
    for line in lines:
        process, kind, value = line.split(" ", 2)
        _add(ops, int(process), kind, mops(value))
    return History(ops)


def _parts(line: str, number: int) -> tuple[int, Any, Mops]:
    words = line.split(" ", 1)
    process = 100 + number
    if words[0].isdigit():
        process = int(words[0])
        words = words[1].split(" ", 1)
    return process, words[0], mops(words[1])


def _add(ops: list[Op], process: int, kind: Any, value: Mops) -> None:
    if kind != "ok":
        value = [[f, key, None if f == "r" else some] for f, key, some in value]
    ops.append(Op(len(ops), len(ops) * 1000, process, kind, "txn", value))
