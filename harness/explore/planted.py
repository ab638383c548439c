"""Planted defects: the tests' catalogue, where it can be imported.

The product has no defects to offer; a checkout with its tests has.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class NoDefectError(ValueError):
    """There is no such defect, or no catalogue at all. The message says what to do."""


def catalogue() -> Any:
    """The module `tests.defects.catalogue`; raises NoDefectError."""
    try:
        return importlib.import_module("tests.defects.catalogue")
    except ModuleNotFoundError as error:
        if error.name not in ("tests", "tests.defects", "tests.defects.catalogue"):
            raise
        raise NoDefectError(
            "Planted defects belong to Pestle's tests, which cannot be imported here; run it in a checkout "
            "with `python -m harness.command`, or with its folder on PYTHONPATH."
        ) from None


def find(defect: str) -> Any:
    """One defect by its id; raises NoDefectError."""
    known = catalogue()
    if defect not in known.names():
        raise NoDefectError(f"There is no defect {defect!r}; there are: {', '.join(known.names())}.")
    return known.find(defect)


def require(defect: str, topology: str) -> None:
    """Raise NoDefectError if there is no such defect, or if nothing of it is there in this topology."""
    needed = find(defect).topology
    if topology not in _LARGER[needed]:
        raise NoDefectError(f"The defect {defect!r} needs --topology {' or '.join(_LARGER[needed])}.")


_LARGER = {
    "single": ("single", "leader-follower", "active-failover"),
    "leader-follower": ("leader-follower", "active-failover"),
    "active-failover": ("active-failover",),
}
"""By the least topology that a defect needs, those that have it in them."""


@contextmanager
def planted(defect: str | None) -> Iterator[None]:
    """While the block runs, the reference has the defect; None is the correct build."""
    if defect is None:
        yield
        return
    with find(defect).planted():
        yield
