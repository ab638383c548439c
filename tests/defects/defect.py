"""Defect: one known way to be wrong, and the one method of the reference that is replaced by it.

A module of a package of `tests.defects` is one defect: its docstring says what goes wrong, its `DEFECT` says
the rest. Nothing in the reference knows of it. Planting replaces the method on
its class, or the function in every loaded module of the reference that has imported it; pulling it out
puts the original back.

Not here: what shows a defect (`tests.defects.witnesses`).
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import reference.roles  # noqa: F401 - so that all who import a function by name have done so before it is replaced

Oracle = Literal["client", "http", "internal"]
"""What is enough to see it: the history of a workload, judged by the workload's own checkers; the answers to
requests that no workload makes; or only a look inside, at what no client is ever told."""
Topology = Literal["single", "leader-follower", "active-failover"]

SAFETY: Mapping[str, str] = {
    "S-DURABLE": "what was acknowledged as synced is there after a power loss; all else after a crash",
    "S-ATOMIC": "a transaction or a batch is there as a whole or not at all",
    "S-NO-PHANTOM": "what was refused or aborted never appears",
    "S-LINEARIZABLE": "operations on one document take effect one after the other, each within its time",
    "S-ISOLATION": "a transaction that read something and writes it does not overwrite what it has not seen",
    "S-REVISION": "no revision is given out twice",
}
"""Promises of any server, beside the catalogue's clauses, which speak of copies."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect and what is known about finding it.

    `clause` is what it breaks, of the catalogue or of SAFETY, and `anomaly` how that is called. `replaces` is
    the target, "package.module:Class.method" or "package.module:function".

    `topology` and `faults` (families of nemeses) are the least that is known to show it, `workloads`
    those whose checkers then find it. `needs` are conditions beyond a standard deployment, in words.
    `mirrors` is the real bug that it is modelled on, `number` what it is called in lists of such bugs.
    `equivalent` says why no client of any run can be shown it; None: some can.
    """

    id: str
    clause: str
    anomaly: str
    replaces: str
    replacement: Any
    oracle: Oracle
    topology: Topology = "leader-follower"
    faults: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    mirrors: str | None = None
    number: str | None = None
    equivalent: str | None = None

    def target(self) -> tuple[Any, str]:
        """The class or module, and the name in it. Raises AttributeError if there is no such thing."""
        module_name, _, path = self.replaces.partition(":")
        owner: Any = importlib.import_module(module_name)
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        inspect.getattr_static(owner, name)
        return owner, name

    def plant(self) -> None:
        """Replace it, for as long as the process lives."""
        for owner, name in self._places():
            setattr(owner, name, self.replacement)

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Replace it for a while. For worlds that begin and end inside."""
        originals = [(owner, name, inspect.getattr_static(owner, name)) for owner, name in self._places()]
        self.plant()
        try:
            yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)

    def _places(self) -> list[tuple[Any, str]]:
        """Where the original is known by a name: a function is, too, in the modules that have imported it."""
        owner, name = self.target()
        if not isinstance(owner, ModuleType):
            return [(owner, name)]
        original = getattr(owner, name)
        modules = [
            module
            for module_name, module in sorted(sys.modules.items())
            if module_name.split(".")[0] == "reference"
        ]
        return [(module, known) for module in modules for known, it in vars(module).items() if it is original]
