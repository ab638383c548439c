"""Observers are told of writes of the very key, and not of what is below it."""

from __future__ import annotations

from reference.agency.tree import Path
from tests.defects.defect import Defect


def _touch(one: Path, other: Path) -> bool:
    return one == other


DEFECT = Defect(
    id="callback-only-of-the-key",
    clause="CL-AGENCY-CALLBACK",
    anomaly="not-called-back",
    replaces="reference.agency.callbacks:_touch",
    replacement=_touch,
    oracle="client",
    topology="active-failover",
    workloads=("callbacks",),
)
