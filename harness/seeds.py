"""Seeds: one number makes a run, and each part of it draws from a random source of its own.

So the draws of one part do not move those of another: a nemesis more leaves the clients' choices as they
were.
"""

from __future__ import annotations

from random import Random


def stream(seed: int, name: str) -> Random:
    """The random source of the part `name`; the same in every process."""
    return Random(f"{seed}/{name}")
