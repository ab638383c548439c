"""Nemeses: one module is one fault family, made by its function `package(options)`.

A module whose name begins with an underscore is a part of others and no nemesis. `compose` makes several take
turns: one family at a time, so that what a fault did can be told from what another did.
"""

from harness.nemeses._turns import Composition, compose

__all__ = ["Composition", "compose"]
