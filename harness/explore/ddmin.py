"""Delta debugging: the part of a list without which the failure is gone (Zeller and Hildebrandt, TSE 2002).

The result is *1-minimal*: it fails, and with any one element less it does not. That is not the smallest
failing part there is, which would take exponentially many tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def ddmin(
    items: Sequence[T], fails: Callable[[tuple[T, ...]], bool], largest: int | None = None
) -> tuple[T, ...]:
    """A 1-minimal failing part of `items`, in their order. `items` themselves must fail.

    At first up to `largest` in a row are taken away together, by default all.
    """
    left = tuple(items)
    size = len(left) if largest is None else min(largest, len(left))
    while size >= 1:
        left, removed = _pass(left, size, fails)
        if size == 1 and not removed:
            break
        size = max(1, min(size, len(left)) // 2) if left else 0
    return left


def _pass(
    left: tuple[T, ...], size: int, fails: Callable[[tuple[T, ...]], bool]
) -> tuple[tuple[T, ...], bool]:
    """Try to do without each stretch of `size`; the later ones first, which depend on the earlier ones."""
    removed = False
    end = len(left)
    while end > 0:
        begin = max(0, end - size)
        without = left[:begin] + left[end:]
        if fails(without):
            left, removed = without, True
        end = begin
    return left, removed
