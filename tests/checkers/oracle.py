"""The definition itself, too slow for anything but a handful of operations: try every order."""

from __future__ import annotations

from itertools import chain, combinations, permutations

from checkers.models import Model
from checkers.search import NEVER, Entry


def has_order(model: Model, entries: list[Entry]) -> bool:
    """Whether all that ended, and some of what is unknown, can be put in an order that explains it."""
    must = [entry for entry in entries if entry.end != NEVER]
    may = [entry for entry in entries if entry.end == NEVER]
    subsets = chain.from_iterable(combinations(may, size) for size in range(len(may) + 1))
    return any(_allowed(model, order) for some in subsets for order in permutations([*must, *some]))


def _allowed(model: Model, order: tuple[Entry, ...]) -> bool:
    """Nothing stands behind what began after it had ended, and every step is possible."""
    latest_begin = -1
    state = model.init
    for entry in order:
        latest_begin = max(latest_begin, entry.begin)
        if entry.end < latest_begin:
            return False
        possible, state = model.step(state, entry.call)
        if not possible:
            return False
    return True
