"""Revisions: a hybrid logical clock (Kulkarni et al. 2014) and the `_rev` spelling of its values.

A value is `milliseconds since 1970 << 20 | counter`. Values never repeat and never go back: not when the
wall clock is set back, not after a restart, and not after a power loss that took the last records away.
For that, a bound above all values given out is kept durable, and a new life begins at the bound. While
the bound is being moved, values advance by their counter only.
"""

from __future__ import annotations

import asyncio
from binascii import b2a_base64

from reference.errors import ArangoError
from reference.storage.corruption import CorruptStorage
from reference.world import World

_ALPHABET = "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_USUAL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_OURS = bytes.maketrans(_USUAL, _ALPHABET.encode())
_DIGITS = {digit: value for value, digit in enumerate(_ALPHABET)}

_FILE = "CLOCK"
_WINDOW = 3_000 << 20
"""How far the durable bound runs ahead: a restart moves `_rev` into the future by at most this (3 s)."""
_ROOM = 1 << 20
"""Below the bound, after an observed value: a million values for the time in which the bound is moved."""
_LIMIT = 1 << 63
"""No clock that is right reaches it before the year 2248."""


def encode_revision(value: int) -> str:
    """The `_rev` string of a clock value: base 64, most significant digit first, no leading zeros."""
    digits = b2a_base64(value.to_bytes(9, "big"), newline=False)
    return digits.translate(_OURS).decode().lstrip("-")


def decode_revision(text: str) -> int | None:
    """The clock value of a `_rev` string; None if that is no revision that a server can have given."""
    if not 0 < len(text) <= 11:
        return None
    value = 0
    for digit in text:
        position = _DIGITS.get(digit)
        if position is None:
            return None
        value = value << 6 | position
    return value if value < _LIMIT else None


class HybridClock:
    """The one source of a server's revisions, ids and generated keys."""

    __slots__ = ("_bound", "_clock", "_disk", "_last", "_moving", "_renewal")

    def __init__(self, world: World, last: int) -> None:
        self._clock = world.clock
        self._disk = world.disk
        self._last = last
        self._bound = last
        self._moving = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, world: World) -> HybridClock:
        """Continue after everything that an earlier life of this server may have given out.

        Raises CorruptStorage, OSError.
        """
        last = 0
        if world.disk.exists(_FILE):
            file = world.disk.open(_FILE)
            content = file.read(0, file.size)
            file.close()
            if not content.isdigit():
                raise CorruptStorage(f"{_FILE} holds no number: restore it from a backup")
            last = int(content)
        clock = cls(world, last)
        await clock._move_bound(max(last, clock._wall()) + _WINDOW)
        return clock

    def next(self) -> int:
        """A value greater than all before."""
        wall = self._wall()
        value = self._last + 1
        if wall > value and wall < self._bound:
            value = wall
        if value >= self._bound:
            raise ArangoError(
                2, "the clock's bound cannot be written to the disk: see CLOCK in the data directory"
            )
        if self._renewal is None and max(wall, value) > self._bound - _WINDOW // 2:
            self._renewal = asyncio.get_running_loop().create_task(self._renew())
        self._last = value
        return value

    async def observe(self, value: int) -> None:
        """Make all later values greater than `value`, which another server gave out (x-arango-hlc, `_rev`).

        Raises ArangoError 10 if `value` is no time that a server can have.
        """
        if value <= self._last:
            return
        if value >= _LIMIT:
            raise ArangoError(10, f"clock value {value} is out of range")
        if value >= self._bound - _ROOM:
            await self._move_bound(value + _WINDOW)
        self._last = max(self._last, value)

    async def close(self) -> None:
        """Wait for a running renewal of the bound."""
        if self._renewal is not None:
            await self._renewal

    def _wall(self) -> int:
        return self._clock.wall_ns() // 1_000_000 << 20

    async def _renew(self) -> None:
        try:
            await self._move_bound(max(self._wall(), self._last) + _WINDOW)
        except OSError:
            # No harm yet: values go on by their counter, and the next one tries again.
            return
        finally:
            self._renewal = None

    async def _move_bound(self, bound: int) -> None:
        # One at a time, and upwards only: two replacements of one file may end in either order.
        async with self._moving:
            if bound > self._bound:
                await self._disk.replace(_FILE, str(bound).encode())
                self._bound = bound
