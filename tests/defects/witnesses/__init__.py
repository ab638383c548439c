"""Witnesses: for each planted defect one scripted scene that shows it, and shows nothing without it."""

from __future__ import annotations

from tests.defects.performance import Witness
from tests.defects.witnesses import (
    agreement,
    api,
    appliers,
    copies,
    durability,
    elections,
    followers,
    isolation,
    leading,
    logs,
    tree,
)

_MODULES = (
    *(durability, isolation, copies, appliers, api),
    *(agreement, elections, logs, tree),
    *(leading, followers),
)


def of(defect: str) -> Witness:
    """The witness of a defect; KeyError if it has none."""
    return every()[defect]


def every() -> dict[str, Witness]:
    """All witnesses by their defects' ids."""
    return {
        name.replace("_", "-"): it
        for module in _MODULES
        for name, it in vars(module).items()
        if isinstance(it, Witness)
    }
