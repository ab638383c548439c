"""Document keys: which are legal, and how missing ones are made (`keyOptions`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reference.errors import ArangoError
from reference.storage.revision import HybridClock
from reference.world import World

_LEGAL = re.compile(r"[A-Za-z0-9_\-:.@()+,=;$!*'%]{1,254}")
_TYPES = ("traditional", "autoincrement", "padded", "uuid")


def is_legal(key: object) -> bool:
    """Whether a document may have this key."""
    return isinstance(key, str) and _LEGAL.fullmatch(key) is not None


def check_options(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """`keyOptions` with their defaults; raises ArangoError 1232."""
    options = dict(given or {})
    options.pop("lastValue", None)
    kind = options.setdefault("type", "traditional")
    if kind not in _TYPES:
        raise ArangoError(1232, f"invalid key generator type {kind!r}: one of {', '.join(_TYPES)}")
    if not isinstance(options.setdefault("allowUserKeys", True), bool):
        raise ArangoError(1232, "invalid key generator: 'allowUserKeys' must be true or false")
    if kind == "autoincrement":
        for name, least in (("increment", 1), ("offset", 0)):
            value = options.setdefault(name, least)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 1 << 16:
                raise ArangoError(1232, f"invalid key generator: '{name}' must be a number from {least}")
    return options


class Keys:
    """The key generator of one collection."""

    __slots__ = ("_increment", "_kind", "_offset", "allow_user_keys", "is_counting", "last_value")

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._kind: str = options["type"]
        self.is_counting = self._kind == "autoincrement"
        """Whether stored keys must be noted."""
        self._increment: int = options.get("increment", 1)
        self._offset: int = options.get("offset", 0)
        self.allow_user_keys: bool = options["allowUserKeys"]
        self.last_value: int = options.get("lastValue", 0)

    def generate(self, world: World, clock: HybridClock) -> str:
        """A new key, never given out before."""
        if self.is_counting:
            steps = max(0, self.last_value - self._offset) // self._increment + 1
            self.last_value = self._offset + steps * self._increment
            return str(self.last_value)
        if self._kind == "uuid":
            digits = f"{world.random.getrandbits(128):032x}"
            return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        return f"{clock.next():016x}" if self._kind == "padded" else str(clock.next())

    def note(self, key: str) -> None:
        """Learn of a stored key, so that an autoincrement generator goes on after it."""
        if self.is_counting and key.isdecimal() and len(key) < 20:
            self.last_value = max(self.last_value, int(key))
