"""The catalogue of planted defects: by id, and all of them.

For whoever measures a search by them: plant one, then build a world and run in it, one defect in a
process at a time (or one after the other, each inside `planted`):

    for defect in catalogue.all():
        with catalogue.planted(defect.id):
            ...  # seeds, with `defect.topology`, `defect.workloads` and `defect.faults` at least

A *kill* is a run whose verdict is "violation", from client-visible evidence: an anomaly that a workload's
checker found in the history. Its clause and name need not be those of the defect, because many defects
show in several ways; a run that is inconclusive is no kill, and neither is a crash of the harness.
`oracle` says what to expect: "client" ones can be killed by the workloads named; "http" ones cannot,
unless something makes the requests that show them, as their witnesses do; "internal" ones need a look
inside. `needs` names what a standard deployment lacks: without that even a "client" defect will survive.
"""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import AbstractContextManager
from functools import cache
from types import ModuleType

from tests.defects import agency, api, failover, raft, replication, storage
from tests.defects.defect import Defect

_PACKAGES = (storage, replication, api, raft, agency, failover)


class UnknownDefectError(ValueError):
    """There is no defect of that name. The message lists those that there are."""


@cache
def _modules() -> dict[str, str]:
    """Module names by id, which is the file's name with hyphens."""
    return {
        module.name.replace("_", "-"): f"{package.__name__}.{module.name}"
        for package in _PACKAGES
        for module in pkgutil.iter_modules(package.__path__)
    }


def names(package: ModuleType | None = None) -> tuple[str, ...]:
    """All ids, or those of one package."""
    known = _modules()
    return tuple(name for name in known if package is None or known[name].startswith(f"{package.__name__}."))


def all() -> tuple[Defect, ...]:  # noqa: A001 - read as `catalogue.all()`
    """All defects, by the floors of the reference."""
    return tuple(find(name) for name in names())


def find(name: str) -> Defect:
    """One defect; imports no other. Raises UnknownDefectError."""
    if name not in _modules():
        raise UnknownDefectError(f"there is no defect {name!r}; there are: {', '.join(names())}")
    defect: Defect = importlib.import_module(_modules()[name]).DEFECT
    return defect


def plant(name: str) -> None:
    """Plant one for as long as the process lives. Raises UnknownDefectError."""
    find(name).plant()


def planted(name: str) -> AbstractContextManager[None]:
    """Plant one for a while."""
    return find(name).planted()
