"""Operation: one change of one key of the tree, as `{"/path": {"op": ...}}` says it.

A value that is no object with a member `op`, nor `{"new": ...}` alone, is what the key is set to.
Operations on arrays make an array of whatever else is there; arithmetic counts a missing or non-integer
value as 0. So a well-formed operation always succeeds: a transaction fails by its preconditions or not at
all.

Not here: `read-lock`, `read-unlock`, `write-lock`, `write-unlock` and `push-queue`. A real agency has them
since 3.7 for the supervision's jobs; here they are refused as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reference.agency.tree import Path, Tree, equal, path_of
from reference.errors import ArangoError


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` on `path`; `arguments` are the members beside `op`."""

    path: Path
    name: str
    arguments: dict[str, Any]

    def apply(self, tree: Tree) -> None:
        """Change `tree`. Operations on observers and times to live are the store's business beyond this."""
        _OPERATIONS[self.name](tree, self.path, self.arguments)


def parse_operation(key: str, value: Any) -> Operation:
    """The operation of one member of a transaction; raises 400 with a sentence."""
    path = path_of(key)
    if not isinstance(value, dict) or ("op" not in value and value.keys() != {"new"}):
        return Operation(path, "set", {"new": value})
    name = value.get("op", "set")
    if not isinstance(name, str) or name not in _OPERATIONS:
        raise ArangoError(400, f"{key}: there is no operation {name!r}")
    _check(key, name, value)
    return Operation(path, name, {member: value[member] for member in value if member != "op"})


def _check(key: str, name: str, value: dict[str, Any]) -> None:
    for member in _NEEDED.get(name, ()):
        if member not in value:
            raise ArangoError(400, f"{key}: the operation {name!r} needs a member {member!r}")
    if name == "erase" and ("val" in value) == ("pos" in value):
        raise ArangoError(400, f"{key}: the operation 'erase' needs either 'val' or 'pos'")
    for member, least in (("step", -_LARGEST), ("pos", 0), ("ttl", 0)):
        number = value.get(member, 0)
        if not _is_number(number, whole=member != "ttl") or not least <= number <= _LARGEST:
            raise ArangoError(400, f"{key}: {member!r} must be a number, not {number!r}")
    if name in ("observe", "unobserve") and not _is_url(value["url"]):
        raise ArangoError(400, f"{key}: 'url' must be like http://host:port/path")


_LARGEST = 2**53
"""The largest number that every JSON reader keeps. Sums stop there, so that no state becomes unwritable."""
_URL = re.compile(r"(http|tcp)://[A-Za-z0-9.:_\[\]-]+:[0-9]{1,5}(/[!-~]*)?")
_NEEDED = {
    "set": ("new",),
    "push": ("new",),
    "prepend": ("new",),
    "replace": ("val", "new"),
    "observe": ("url",),
    "unobserve": ("url",),
}


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and _URL.fullmatch(value) is not None


def _is_number(value: Any, *, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


def _set(tree: Tree, path: Path, arguments: dict[str, Any]) -> None:
    tree.set(path, arguments["new"])


def _delete(tree: Tree, path: Path, _: dict[str, Any]) -> None:
    tree.delete(path)


def _add(sign: int) -> Callable[[Tree, Path, dict[str, Any]], None]:
    def add(tree: Tree, path: Path, arguments: dict[str, Any]) -> None:
        value = tree.get(path)
        before = value if _is_number(value, whole=True) else 0
        after = before + sign * arguments.get("step", 1)
        tree.set(path, max(-_LARGEST, min(_LARGEST, after)))

    return add


def _on_array(change: Callable[[list[Any], dict[str, Any]], list[Any]]) -> Callable[..., None]:
    def apply(tree: Tree, path: Path, arguments: dict[str, Any]) -> None:
        value = tree.get(path)
        tree.set(path, change(value if isinstance(value, list) else [], arguments))

    return apply


def _erase(array: list[Any], arguments: dict[str, Any]) -> list[Any]:
    if "pos" in arguments:
        position = arguments["pos"]
        return array[:position] + array[position + 1 :]
    return [element for element in array if not equal(element, arguments["val"])]


def _replace(array: list[Any], arguments: dict[str, Any]) -> list[Any]:
    return [arguments["new"] if equal(element, arguments["val"]) else element for element in array]


def _nothing(_: Tree, __: Path, ___: dict[str, Any]) -> None:
    """Observers are no part of the tree."""


_OPERATIONS: dict[str, Callable[[Tree, Path, dict[str, Any]], None]] = {
    "set": _set,
    "delete": _delete,
    "increment": _add(1),
    "decrement": _add(-1),
    "push": _on_array(lambda array, arguments: [*array, arguments["new"]]),
    "prepend": _on_array(lambda array, arguments: [arguments["new"], *array]),
    "pop": _on_array(lambda array, _: array[:-1]),
    "shift": _on_array(lambda array, _: array[1:]),
    "erase": _on_array(_erase),
    "replace": _on_array(_replace),
    "observe": _nothing,
    "unobserve": _nothing,
}
