"""Store: the agency's state machine. All agents apply the same entries and hold the same store.

It is the tree, and beside it: which keys end when (`ttl`), who observes what, and which client id wrote
what. Everything is decided by the entries alone. Time as well: each entry carries `now_ms`, the agency's
own time, which the leader moves on by its monotonic clock from where the last entry left it. It never goes
back, no change of a wall clock touches it, and it stands still while nobody leads: a `ttl` is the least
that a key lives. (A real agency compares with the leader's wall clock.)

Numbers: the store counts the transactions that happened. That count is the index in the answers of write
and inquire; entries of the log that change nothing (failed preconditions, a new leader's first entry) take
none.

Not here: how entries get here (agent); who is told of changes (callbacks).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from reference.agency.operation import Operation
from reference.agency.transaction import Write, parse_write
from reference.agency.tree import Path, Tree, path_of, text_of

CLIENT_IDS = 10_000
"""How many client ids can be inquired: the latest."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One entry of the log: writes as they were asked for, and the agency's time.

    Without writes it only lets time pass.
    """

    now_ms: int
    writes: list[Any] = []


class _Saved(msgspec.Struct, frozen=True):
    root: dict[str, Any]
    index: int
    now_ms: int
    ends: dict[str, int]
    observers: dict[str, list[str]]
    clients: dict[str, list[int]]


class Store:
    """One tree and what belongs to it."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.index = 0
        """How many transactions have happened."""
        self.now_ms = 0
        self.observers: dict[Path, dict[str, None]] = {}
        """Path -> urls."""
        self.changed: list[Path] = []
        """Paths written since somebody last emptied this list."""
        self._ends: dict[Path, int] = {}
        self._clients: dict[str, list[int]] = {}

    def apply_entry(self, data: bytes) -> list[int]:
        """Apply an entry of the log; as `apply`."""
        entry = _decode_entry(data)
        return self.apply([parse_write(write) for write in entry.writes], entry.now_ms)

    def apply(self, writes: Sequence[Write], now_ms: int) -> list[int]:
        """Let time pass up to `now_ms`, then apply each write: its index, or 0 if a precondition failed."""
        self.now_ms = max(self.now_ms, now_ms)
        self._end_keys()
        return [self._write(write) for write in writes]

    def next_end_ms(self) -> int | None:
        """When the next key ends; None if none does."""
        return min(self._ends.values(), default=None)

    def inquire(self, client_id: str) -> int | list[int]:
        """The index of the write with this client id; a list if there are several, 0 if there is none."""
        found = self._clients.get(client_id, [])
        return found if len(found) > 1 else found[0] if found else 0

    def save(self) -> bytes:
        """The whole store as bytes."""
        return msgspec.json.encode(
            _Saved(
                self.tree.root,
                self.index,
                self.now_ms,
                {text_of(path): end for path, end in self._ends.items()},
                {text_of(path): list(urls) for path, urls in self.observers.items()},
                self._clients,
            )
        )

    def load(self, data: bytes) -> None:
        """Become what was saved. Raises msgspec.DecodeError or ValidationError."""
        saved = msgspec.json.decode(data, type=_Saved)
        self.tree = Tree(saved.root)
        self.index, self.now_ms = saved.index, saved.now_ms
        self._ends = {path_of(path): end for path, end in saved.ends.items()}
        self.observers = {path_of(path): dict.fromkeys(urls) for path, urls in saved.observers.items()}
        self._clients = saved.clients
        self.changed = [()]

    def _write(self, write: Write) -> int:
        if not all(condition.holds(self.tree) for condition in write.preconditions):
            return 0
        self.index += 1
        for operation in write.operations:
            self._operate(operation)
        if write.client_id:
            self._remember(write.client_id)
        return self.index

    def _operate(self, operation: Operation) -> None:
        name, path = operation.name, operation.path
        if name == "observe":
            self.observers.setdefault(path, {})[operation.arguments["url"]] = None
        elif name == "unobserve":
            self._unobserve(path, operation.arguments["url"])
        else:
            operation.apply(self.tree)
            self.changed.append(path)
            if name in ("set", "delete"):
                self._forget_ends(path)
            if "ttl" in operation.arguments:
                self._ends[path] = self.now_ms + int(operation.arguments["ttl"] * 1000)

    def _unobserve(self, path: Path, url: str) -> None:
        urls = self.observers.get(path, {})
        urls.pop(url, None)
        if not urls:
            self.observers.pop(path, None)

    def _forget_ends(self, path: Path) -> None:
        """What was at `path` and below is gone, and so are its times to live."""
        for known in [known for known in self._ends if known[: len(path)] == path]:
            del self._ends[known]

    def _end_keys(self) -> None:
        for path in [path for path, end_ms in self._ends.items() if end_ms <= self.now_ms]:
            # An earlier end in this loop may have been above it.
            if self._ends.pop(path, None) is not None and self.tree.delete(path):
                self._forget_ends(path)
                self.changed.append(path)

    def _remember(self, client_id: str) -> None:
        self._clients.setdefault(client_id, []).append(self.index)
        if len(self._clients) > CLIENT_IDS:
            del self._clients[next(iter(self._clients))]


def encode_entry(writes: Sequence[Any], now_ms: int) -> bytes:
    """An entry for the log. `writes` are JSON as they were asked for."""
    return _encode(Entry(now_ms, list(writes)))


_encode = msgspec.json.Encoder().encode
_decode_entry = msgspec.json.Decoder(Entry).decode
