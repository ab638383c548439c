"""Tree: JSON objects inside each other, addressed by paths such as `/arango/Plan/Version`.

An object is an inner node; anything else (an array as well) is a leaf. Writing below a leaf turns the leaf
into an object. Whoever holds a tree owns it: it changes in place, so what `get` and `read` return must be
used (encoded, as a rule) before anything else runs.

Not here: which changes are allowed (precondition), what they are (operation), when they end (store).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Path = tuple[str, ...]

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT"})()
"""What `get` returns where nothing is; no JSON value is it."""


def path_of(text: str) -> Path:
    """`/a//b/` is ("a", "b"); empty segments do not count."""
    return tuple(segment for segment in text.split("/") if segment)


def text_of(path: Path) -> str:
    """("a", "b") is `/a/b`."""
    return "/" + "/".join(path)


def equal(one: Any, other: Any) -> bool:
    """Equality of JSON values: `true` is not `1`, but `1` is `1.0`; members of objects have no order."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(equal(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


class Tree:
    """One tree. `root` is its JSON."""

    def __init__(self, root: dict[str, Any] | None = None) -> None:
        self.root: dict[str, Any] = {} if root is None else root

    def get(self, path: Path) -> Any:
        """The value at `path`, or ABSENT."""
        node: Any = self.root
        for segment in path:
            if not isinstance(node, dict):
                return ABSENT
            node = node.get(segment, ABSENT)
        return node

    def set(self, path: Path, value: Any) -> None:
        """Put `value` at `path`, in place of all that was there. The root can only become an object."""
        if not path:
            self.root = value if isinstance(value, dict) else {}
            return
        node = self.root
        for segment in path[:-1]:
            below = node.get(segment)
            if not isinstance(below, dict):
                below = node[segment] = {}
            node = below
        node[path[-1]] = value

    def delete(self, path: Path) -> bool:
        """Remove what is at `path`; whether there was something. Its parents stay."""
        if not path:
            there, self.root = bool(self.root), {}
            return there
        parent = self.get(path[:-1])
        if not isinstance(parent, dict) or path[-1] not in parent:
            return False
        del parent[path[-1]]
        return True

    def read(self, paths: Iterable[Path]) -> dict[str, Any]:
        """One object with just these paths, from the root down; of a missing path, the part that exists.

        Top-level keys that begin with a dot show only if a path names them.
        """
        found: dict[str, Any] = {}
        done: list[Path] = []
        for path in sorted(paths, key=len):
            if any(path[: len(shorter)] == shorter for shorter in done):
                continue
            done.append(path)
            if not path:
                return {key: value for key, value in self.root.items() if not key.startswith(".")}
            self._copy(path, found)
        return found

    def _copy(self, path: Path, into: dict[str, Any]) -> None:
        node = self.root
        for segment in path[:-1]:
            if segment not in node:
                return
            into = into.setdefault(segment, {})
            below = node[segment]
            if not isinstance(below, dict):
                return
            node = below
        if path[-1] in node:
            into[path[-1]] = node[path[-1]]
