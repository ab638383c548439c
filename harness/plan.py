"""Plan: everything that is needed to repeat a run, and how names become parts.

A workload, a nemesis, a database or an environment is one module or package that has the kind's function,
found by its name: there is no registry. Files are read, not imported, to list them: a broken one breaks
only itself.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from math import floor
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from harness.database import Timings

Claim = Literal["fault-tolerance", "fault-free"]
"""What a run is to show: that promises hold while things break, or, as the control arm, that the test itself
finds nothing where nothing breaks."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of part: the package its modules are in, and the function that makes one a part."""

    word: str
    package: str
    function: str


WORKLOAD = Kind("workload", "workloads", "workload")
NEMESIS = Kind("nemesis", "harness.nemeses", "package")
DATABASE = Kind("database", "harness.databases", "database")
ENVIRONMENT = Kind("environment", "harness.environments", "environment")
KINDS = (WORKLOAD, NEMESIS, DATABASE, ENVIRONMENT)


class UnknownNameError(ValueError):
    """There is no part of that name. The message lists those that there are."""


def parts(kind: Kind) -> dict[str, str]:
    """Names of all parts of a kind, each with the first line of its docstring, in alphabetical order."""
    package = importlib.import_module(kind.package)
    said = {module.name: _said(kind, module.name) for module in pkgutil.iter_modules(package.__path__)}
    return {name: line for name, line in sorted(said.items()) if line is not None}


@cache
def _said(kind: Kind, name: str) -> str | None:
    """The first line of a module's docstring; None if it is no part of the kind."""
    spec = find_spec(f"{kind.package}.{name}")
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_bytes())
    if not any(isinstance(node, ast.FunctionDef) and node.name == kind.function for node in tree.body):
        return None
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def load(kind: Kind, name: str) -> ModuleType:
    """The module of a part; raises UnknownNameError."""
    known = parts(kind)
    if name not in known:
        raise UnknownNameError(f"There is no {kind.word} {name!r}; there are: {', '.join(known) or 'none'}.")
    return importlib.import_module(f"{kind.package}.{name}")


def fitting_interval_s(time_limit_s: float, families: int) -> float:
    """A mean length of faults with which every family surely has its turn; ten seconds if there is time."""
    # Families take turns with calm between, each as long as one and a half means at most: the last one begins
    # after 2k - 1 of them at the latest, and must not begin in the last half mean. That is (3k - 1) means.
    # Rounded down to what one would type.
    return min(10.0, floor(100 * time_limit_s / (3 * max(families, 1))) / 100)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    `rate` is operations per second of all workloads together, `interval_s` the mean length of a fault and of
    the pause after it; `inventory`, `node_count` and `lab` say where, as the environment needs.
    """

    environment: str
    topology: str
    workloads: tuple[str, ...]
    nemeses: tuple[str, ...]
    time_limit_s: float
    rate: float
    concurrency: int
    seed: int
    interval_s: float
    database: str = "reference"
    claim: Claim = "fault-tolerance"
    name: str = ""
    op_timeout_s: float = 5.0
    timings: Timings = "fast"
    inventory: Path | None = None
    node_count: int = 3
    lab: str = "lab"
    results: Path = Path("results")

    def __post_init__(self) -> None:
        if not self.workloads or len(set(self.workloads)) < len(self.workloads):
            raise ValueError("Name at least one workload, and each only once.")
        if self.concurrency < len(self.workloads):
            raise ValueError(f"{len(self.workloads)} workloads need a --concurrency of at least that.")
        if min(self.time_limit_s, self.rate, self.interval_s, self.op_timeout_s) <= 0:
            raise ValueError("Time limit, rate, interval and operation timeout must be above zero.")
        if not re.fullmatch(r"[\w.+-]*", self.name) or self.name in (".", ".."):
            raise ValueError(f"A name has letters, digits and . _ + - only, unlike {self.name!r}.")

    @property
    def title(self) -> str:
        """The name of the run, given or made of its parts; a folder is called so."""
        return self.name or f"{self.topology}-{'+'.join(self.workloads)}"

    @property
    def shares(self) -> dict[str, int]:
        """How many threads each workload has for itself: as equal as possible, the first ones one more."""
        each, more = divmod(self.concurrency, len(self.workloads))
        return {name: each + (place < more) for place, name in enumerate(self.workloads)}

    @property
    def command(self) -> str:
        """One line that repeats the run."""
        words = ["pestle", "run", "--env", self.environment]
        words += ["--inventory", str(self.inventory)] if self.inventory else ["--nodes", str(self.node_count)]
        words += [] if self.lab == "lab" else ["--lab", self.lab]
        words += ["--topology", self.topology, "--workload", ",".join(self.workloads)]
        words += ["--nemesis", ",".join(self.nemeses) or "none", "--time-limit", _number(self.time_limit_s)]
        words += [
            "--rate",
            _number(self.rate),
            "--concurrency",
            str(self.concurrency),
            "--seed",
            str(self.seed),
        ]
        words += ["--interval", _number(self.interval_s), "--op-timeout", _number(self.op_timeout_s)]
        words += [] if self.database == "reference" else ["--database", self.database]
        words += ["--timings", self.timings] if self.timings != "fast" else []
        words += ["--claim", self.claim] if self.claim == "fault-free" else []
        words += ["--name", self.name] if self.name else []
        return shlex.join(words)

    def described(
        self, *, started: str, nodes: tuple[str, ...] = (), database: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The content of `test.json`. `nodes` and `database` are known only once they are there."""
        return {
            "schema": 1,
            "name": self.title,
            "environment": self.environment,
            "topology": self.topology,
            "database": dict(database or {"name": self.database}),
            "nodes": list(nodes),
            "workloads": list(self.workloads),
            "nemeses": list(self.nemeses),
            "claim": self.claim,
            "time_limit_s": self.time_limit_s,
            "rate": self.rate,
            "concurrency": self.concurrency,
            "interval_s": self.interval_s,
            "op_timeout_s": self.op_timeout_s,
            "timings": self.timings,
            "seed": self.seed,
            "started": started,
            "command": self.command,
        }


def _number(value: float) -> str:
    """Short where that is exact: a repeated run has the same schedule to the last bit."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
