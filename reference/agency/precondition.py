"""Precondition: what must be true of the tree for a transaction to happen. All of them must hold.

| condition | holds if the value at the path |
|---|---|
| `old: v` | is there and equals v (a bare value that is no object means the same) |
| `oldNot: v` | is absent or does not equal v |
| `oldEmpty: b` | is absent (true), or is there (false) |
| `isArray: b` | is an array (true), or is none (false) |
| `in: v` | is an array with v among its elements |
| `notin: v` | is absent, or an array without v |
| `intersectionEmpty: [..]` | is absent, or an array with none of these |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reference.agency.tree import ABSENT, Path, Tree, equal, path_of
from reference.errors import ArangoError


@dataclass(frozen=True, slots=True)
class Precondition:
    """`name` with `argument` about the value at `path`."""

    path: Path
    name: str
    argument: Any

    def holds(self, tree: Tree) -> bool:
        """Whether it is true of `tree`."""
        return _CONDITIONS[self.name](tree.get(self.path), self.argument)


def parse_preconditions(key: str, value: Any) -> list[Precondition]:
    """The preconditions of one member; raises 400 with a sentence."""
    path = path_of(key)
    if not isinstance(value, dict):
        return [Precondition(path, "old", value)]
    for name, argument in value.items():
        if name not in _CONDITIONS:
            raise ArangoError(400, f"{key}: there is no precondition {name!r}")
        wanted = _TYPES.get(name)
        if wanted is not None and not isinstance(argument, wanted):
            raise ArangoError(400, f"{key}: the precondition {name!r} needs {_WORDS[wanted]}")
    return [Precondition(path, name, argument) for name, argument in value.items()]


_TYPES: dict[str, type] = {"oldEmpty": bool, "isArray": bool, "intersectionEmpty": list}
_WORDS: dict[type, str] = {bool: "true or false", list: "an array"}


def _is_in(value: Any, array: list[Any]) -> bool:
    return any(equal(value, element) for element in array)


def _without(value: Any, unwanted: list[Any]) -> bool:
    if value is ABSENT:
        return True
    return isinstance(value, list) and not any(_is_in(element, value) for element in unwanted)


_CONDITIONS: dict[str, Callable[[Any, Any], bool]] = {
    "old": lambda value, wanted: value is not ABSENT and equal(value, wanted),
    "oldNot": lambda value, unwanted: value is ABSENT or not equal(value, unwanted),
    "oldEmpty": lambda value, empty: (value is ABSENT) is empty,
    "isArray": lambda value, wanted: isinstance(value, list) is wanted,
    "in": lambda value, element: isinstance(value, list) and _is_in(element, value),
    "notin": lambda value, element: _without(value, [element]),
    "intersectionEmpty": _without,
}
