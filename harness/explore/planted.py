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


@contextmanager
def planted(defect: str | None) -> Iterator[None]:
    """While the block runs, the reference has the defect; None is the correct build."""
    if defect is None:
        yield
        return
    with find(defect).planted():
        yield
